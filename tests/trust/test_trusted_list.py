"""The national trusted list: made, signed, renewed, read back, and refused when it should be."""

import shutil
import subprocess
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from tests.trust.conftest import NOW, write_pem
from xsdata.formats.dataclass.parsers import XmlParser

from pencere.kernel.errors import Invalid, Misconfigured, Refused
from pencere.trust import trusted_list, xml_signature
from pencere.trust.store import Reason
from pencere.trust.trusted_list_publishing import DEPRECATED, RECOGNISED, Publisher, in_force
from pencere.trust.trusted_list_scheme import Scheme

SCHEME = Path(str(files("pencere.countries") / "az" / "trusted-list.yaml"))


def publisher(founded):
    signer = founded.centre.keystore.signer("trusted-list")
    return Publisher(
        Scheme.load(SCHEME), signer, "http://127.0.0.1:9390/tsl.xml", founded.centre.pki
    )


def services(founded):
    keys = founded.centre.keystore
    return {name: keys.certificates(name)[0] for name in Scheme.load(SCHEME).kinds}


def renewed(founded, at=NOW):
    with founded.connect() as connection:
        return publisher(founded).renew(connection, services(founded), at=at)


def chain_of(founded):
    return [founded.centre.keystore.certificates("issuing-infrastructure")[0]]


def load(founded, content, at=NOW, **changes):
    values = {"anchors": [founded.root], "chain": chain_of(founded), **changes}
    return trusted_list.load(content, at=at, **values)


def test_a_list_names_every_service_as_recognised(founded):
    found = load(founded, renewed(founded))

    assert (found.territory, found.sequence, found.issued_at) == ("AZ", 1, NOW)
    assert found.next_update == NOW + timedelta(days=90)
    assert {one.type.rsplit("Svctype/")[1] for one in found.services} == {
        "CA/QC",
        "TSA/QTST",
        "Certstatus/OCSP/QC",
    }
    assert {one.periods[0].status for one in found.services} == {RECOGNISED}
    assert set(found.anchors(NOW)) == {
        founded.certificate("issuing-person"),
        founded.certificate("issuing-seal"),
    }


def test_it_is_signed_anew_only_when_due(founded):
    first = renewed(founded)

    assert renewed(founded, NOW + timedelta(days=44)) == first
    later = renewed(founded, NOW + timedelta(days=46))
    assert load(founded, later, NOW + timedelta(days=46)).sequence == 2
    assert (founded.centre.pki / "tsl.xml").read_bytes() == later
    with founded.connect() as connection:
        assert in_force(connection) == later


def test_a_revoked_service_is_listed_with_its_history(founded):
    renewed(founded)
    founded.clock.advance(timedelta(days=1))
    founded.centre.issuance.revoke(founded.certificate("tsa"), Reason.KEY_COMPROMISE)

    found = load(founded, renewed(founded, NOW + timedelta(days=2)), NOW + timedelta(days=2))

    [stamping] = [one for one in found.services if one.type.endswith("TSA/QTST")]
    assert found.sequence == 2
    assert [one.status for one in stamping.periods] == [DEPRECATED, RECOGNISED]
    assert [
        stamping.was_recognised(NOW),
        stamping.was_recognised(NOW + timedelta(days=2)),
    ] == [True, False]


def test_what_was_published_is_never_changed(founded):
    renewed(founded)
    with founded.connect() as connection, pytest.raises(psycopg.Error):
        connection.execute("update trust.trusted_list set sequence = 9")


def test_xmlsec1_agrees(founded, tmp_path):
    program = shutil.which("xmlsec1")
    if program is None:
        pytest.skip("xmlsec1 is not installed")
    file = tmp_path / "tsl.xml"
    file.write_bytes(renewed(founded))
    root = write_pem(tmp_path / "root.pem", founded.root)
    chain = write_pem(tmp_path / "chain.pem", *chain_of(founded))
    done = subprocess.run(
        [
            *(program, "--verify", "--trusted-pem", root, "--untrusted-pem", chain),
            *("--verification-gmt-time", "2026-11-22 09:00:00"),
            *("--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", str(file)),
        ],
        capture_output=True,
        check=False,
        timeout=20,
    )

    assert done.returncode == 0, done.stderr.decode()


def test_it_fits_the_structure_of_the_standard(founded):
    from pyhanko.generated.etsi import ts_119612

    root = xml_signature.parse(renewed(founded))
    root.remove(root[-1])  # XAdES has a schema of its own
    found = XmlParser().from_bytes(etree.tostring(root), ts_119612.TrustServiceStatusList)

    information = found.scheme_information
    assert information.tslsequence_number == 1
    assert [one.lang for one in information.scheme_operator_name.name] == ["en", "az", "ru"]


def test_a_changed_word_is_refused(founded):
    content = renewed(founded)
    changed = content.replace(b"recognisedatnationallevel", b"deprecatedatnationallevel", 1)

    assert changed != content
    with pytest.raises(Refused, match=r"trusted_list\.signature"):
        load(founded, changed)


def test_something_put_beside_what_is_signed_is_refused(founded):
    content = renewed(founded)
    inner = content[content.index(b"?>") + 2 :]
    wrapped = b"<wrap>" + inner + b"</wrap>"

    with pytest.raises((Refused, Invalid)):
        load(founded, wrapped)


def test_a_signer_without_the_purpose_is_refused(founded):
    made = publisher(founded)
    other = Publisher(
        made.scheme, founded.centre.keystore.signer("directory"), made.address, made.pki
    )
    with founded.connect() as connection:
        content = other.renew(connection, services(founded), at=NOW)

    with pytest.raises(Refused, match=r"trusted_list\.signer"):
        load(founded, content)


def test_a_signer_that_was_named_needs_no_purpose_and_no_other_is_taken(founded):
    content = renewed(founded)
    key = ec.generate_private_key(ec.SECP256R1())
    stranger = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    named = founded.certificate("trusted-list")

    assert trusted_list.load(content, at=NOW, signers=[named]).territory == "AZ"
    with pytest.raises(Refused, match=r"trusted_list\.signer"):
        trusted_list.load(content, at=NOW, signers=[stranger])


@pytest.mark.parametrize(
    ("days", "code"), [(91, "trusted_list.expired"), (-1, "trusted_list.future")]
)
def test_a_list_is_believed_only_in_its_time(founded, days, code):
    content = renewed(founded)

    with pytest.raises(Refused) as refused:
        load(founded, content, NOW + timedelta(days=days))
    # Before its signer was certified nothing can be said at all.
    assert refused.value.code in {code, "trusted_list.signer"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a/>",
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 5000,
    ],
)
def test_what_is_no_list_is_refused(founded, content):
    with pytest.raises((Refused, Invalid)):
        load(founded, content)


def test_a_scheme_that_lacks_something_is_named(tmp_path):
    file = tmp_path / "trusted-list.yaml"
    file.write_text("territory: AZ\nnext_update_days: 400\n")

    with pytest.raises(Misconfigured) as wrong:
        Scheme.load(file)
    assert wrong.value.facts["file"] == str(file)
