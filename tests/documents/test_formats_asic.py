"""ASiC-E with CAdES and with XAdES: many files, signatures added later, renewal, nothing hidden."""

import base64
import hashlib
import io
import subprocess
import zipfile

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.documents.formats_world import NOTE, OTHER, self_signed, signed_at, tool

from pencere.documents.formats import archive, asic
from pencere.documents.formats.reading import read
from pencere.documents.formats.signer import sign_one
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError

FILES = {"note.txt": NOTE, "şəkil və plan.bin": bytes(range(256)), "folder/vote.txt": OTHER}
LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


def signed(world, container, level, flavour="cades", signer=None):
    prepared = asic.prepare(
        container,
        signer or world.signer,
        world.services,
        flavour=flavour,
        level=level,
        at=SystemClock().now(),
    )
    return sign_one(signer or world.signer, prepared)


@pytest.fixture(scope="session")
def containers(world):
    return {
        (flavour, level): signed(world, asic.new(FILES), level, flavour)
        for flavour in ("cades", "xades")
        for level in LEVELS
    }


def changed(container, **changes):
    """Return the container with files replaced; None takes one away."""
    files = archive.unpack(container).files | {
        name.replace("__", "/"): content for name, content in changes.items()
    }
    kept = {name: one for name, one in files.items() if one is not None and name != "mimetype"}
    return archive.pack(kept, mimetype=asic.ASIC_E)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_each_level_covers_every_file(containers, flavour, level):
    found = read(containers[flavour, level])

    assert (found.form, found.holds, found.problems) == (f"asice-{flavour}", True, ())
    (one,) = found.signatures
    assert set(one.covers) == set(FILES)
    is_archived = level == "B-LTA" and flavour == "cades"
    assert one.level == ("B-LT" if is_archived else level)
    assert [stamp.kind for stamp in found.stamps] == (["container"] if is_archived else [])
    assert {file.name: file.signed for file in found.files} == dict.fromkeys(FILES, True)


def test_the_type_is_first_and_readable_without_unpacking(containers):
    for made in containers.values():
        assert made[30:38] == b"mimetype"
        assert made[38:69] == asic.ASIC_E.encode()
        assert not archive.mimetype_problem(made, asic.ASIC_E)


@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_a_second_signature_leaves_the_first_as_it_was(world, containers, flavour):
    first = containers[flavour, "B-LT"]

    both = signed(world, asic.opened(first), "B-T", flavour, world.second)

    found = read(both)
    assert found.holds
    assert [one.level for one in found.signatures] == ["B-LT", "B-T"]
    before, after = archive.unpack(first).files, archive.unpack(both).files
    assert {name: after[name] for name in before} == before


def test_a_signature_of_the_other_kind_is_not_mixed_in(world, containers):
    with pytest.raises(PencereError) as refusal:
        signed(world, asic.opened(containers["xades", "B-B"]), "B-B", "cades")

    assert refusal.value.code == "sign.other_flavour"


def test_renewal_stamps_everything_that_is_there(world, containers):
    old = containers["cades", "B-LTA"]

    renewed = asic.extend(asic.extend(old, "B-LTA", world.services), "B-LTA", world.services)

    found = read(renewed)
    assert found.holds
    assert len(found.stamps) == 3
    # The newest is over the manifests and tokens of those before.
    newest = archive.unpack(renewed).files[asic.ARCHIVE_MANIFEST]
    assert newest.count(b"Rootfile=") == 1
    assert newest.count(b".tst") == 3  # its own and two before


def test_a_later_signature_is_archived_by_the_next_renewal(world, containers):
    both = signed(world, asic.opened(containers["cades", "B-LTA"]), "B-B", "cades", world.second)

    renewed = read(asic.extend(both, "B-LTA", world.services))

    assert renewed.holds
    assert [one.level for one in renewed.signatures] == ["B-LT", "B-LT"]


@pytest.mark.parametrize("level", ["B-T", "B-LT", "B-LTA"])
@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_a_container_grows_without_its_signer(world, containers, flavour, level):
    found = read(asic.extend(containers[flavour, "B-B"], level, world.services))

    assert found.holds
    assert bool(found.stamps) == (level == "B-LTA" and flavour == "cades")


@pytest.mark.parametrize("flavour", ["cades", "xades"])
@pytest.mark.parametrize("name", list(FILES))
def test_a_changed_file_is_altered(containers, flavour, name):
    found = read(changed(containers[flavour, "B-LT"], **{name: FILES[name] + b" "}))

    assert not found.holds
    expected = "manifest.file_altered" if flavour == "cades" else "signature.altered"
    assert found.signatures[0].problems == (expected,)


@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_a_file_put_in_later_is_reported_as_unsigned(containers, flavour):
    found = read(changed(containers[flavour, "B-LT"], **{"extra.txt": b"?"}))

    assert not found.holds
    assert "container.unsigned_file" in found.problems
    assert [one.name for one in found.files if not one.signed] == ["extra.txt"]


@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_a_file_taken_away_is_missed(containers, flavour):
    found = read(changed(containers[flavour, "B-LT"], **{"note.txt": None}))

    expected = "manifest.file_missing" if flavour == "cades" else "signature.content_missing"
    assert expected in found.signatures[0].problems


def test_an_entry_nobody_knows_is_reported(containers):
    made = changed(containers["cades", "B-B"], **{"META-INF__what.bin": b"?"})

    assert read(made).problems == ("container.unknown_entry",)


def test_a_second_manifest_for_a_signature_is_ambiguous(containers):
    files = archive.unpack(containers["cades", "B-B"]).files
    made = changed(
        containers["cades", "B-B"],
        **{"META-INF__ASiCManifest000.xml": files["META-INF/ASiCManifest001.xml"]},
    )

    assert "manifest.ambiguous" in read(made).problems


def test_openssl_verifies_the_signature_over_the_manifest(world, containers, tmp_path):
    files = archive.unpack(containers["cades", "B-LT"]).files
    (tmp_path / "p7s").write_bytes(files["META-INF/signature001.p7s"])
    (tmp_path / "manifest").write_bytes(files["META-INF/ASiCManifest001.xml"])
    (tmp_path / "root").write_bytes(world.root_pem)

    done = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "p7s"),
            *("-content", "manifest", "-CAfile", "root", "-purpose", "any", "-out", "out"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("level", LEVELS)
def test_xmlsec_verifies_the_signature_over_the_files(world, containers, tmp_path, level):
    for name, content in archive.unpack(containers["xades", level]).files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "root.pem").write_bytes(world.root_pem)

    done = subprocess.run(
        [
            *(tool("xmlsec1"), "--verify", "--id-attr:Id", "SignedProperties"),
            *("--trusted-pem", "root.pem", "--url-map:note.txt", "note.txt"),
            "META-INF/signatures001.xml",
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()


def zipped(*entries, **choices):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", **choices) as made:
        for name, content in entries:
            made.writestr(name, content)
    return output.getvalue()


@pytest.mark.parametrize(
    ("reason", "entries"),
    [
        ("name", [("../out.txt", b"")]),
        ("name", [("/etc/passwd", b"")]),
        ("name", [("a\\b", b"")]),
        ("name", [("a\nb", b"")]),
        ("two entries of one name", [("Note.txt", b""), ("note.TXT", b"")]),
        ("compression ratio", [("bomb", bytes(50 * 1024 * 1024))]),
    ],
)
def test_a_container_made_to_mislead_is_refused_whole(reason, entries):
    made = zipped(("mimetype", asic.ASIC_E), *entries, compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(PencereError) as refusal:
        read(made)

    assert (refusal.value.code, refusal.value.facts["reason"]) == ("format.dangerous", reason)


def test_entries_that_lie_over_one_another_are_refused():
    made = bytearray(zipped(("a", b"one content"), ("b", b"two content")))
    # Both entries of the directory point to the first.
    second = made.rindex(b"PK\x01\x02")
    made[second + 42 : second + 46] = bytes(4)

    with pytest.raises(PencereError) as refusal:
        read(bytes(made))

    assert refusal.value.code == "format.dangerous"


def test_bytes_between_the_entries_are_reported(containers):
    made = containers["cades", "B-B"]
    at = made.index(b"PK\x03\x04", 10)
    stuffed = bytearray(made[:at] + bytes(100) + made[at:])
    end = stuffed.rindex(b"PK\x05\x06")
    directory = int.from_bytes(stuffed[end + 16 : end + 20], "little") + 100
    stuffed[end + 16 : end + 20] = directory.to_bytes(4, "little")
    position = directory
    while stuffed[position : position + 4] == b"PK\x01\x02":
        offset = int.from_bytes(stuffed[position + 42 : position + 46], "little")
        if offset:
            stuffed[position + 42 : position + 46] = (offset + 100).to_bytes(4, "little")
        sizes = [
            int.from_bytes(stuffed[position + at : position + at + 2], "little")
            for at in (28, 30, 32)
        ]
        position += 46 + sum(sizes)

    assert read(bytes(stuffed)).problems == ("container.hidden_bytes",)


# The shape of Estonian containers: Canonical XML 1.1, inclusive; the first SigningCertificate.
ESTONIAN = """<?xml version="1.0" encoding="UTF-8"?>
<asic:XAdESSignatures xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"
 ><ds:Signature Id="S0"><ds:SignedInfo Id="S0-I"
 ><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference Id="S0-r" URI="note.txt"
 ><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>
</ds:Reference><ds:Reference Id="S0-p" Type="http://uri.etsi.org/01903#SignedProperties"
 URI="#S0-P"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>
</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue Id="S0-SIG"/><ds:KeyInfo
 ><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo
 ><ds:Object><xades:QualifyingProperties Target="#S0"><xades:SignedProperties Id="S0-P"
 ><xades:SignedSignatureProperties><xades:SigningTime>2026-11-22T10:00:00Z</xades:SigningTime>
<xades:SigningCertificate><xades:Cert><xades:CertDigest
 ><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
<ds:DigestValue>{digest}</ds:DigestValue></xades:CertDigest></xades:Cert>
</xades:SigningCertificate></xades:SignedSignatureProperties></xades:SignedProperties>
</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>
"""


def test_a_container_in_the_shape_of_another_country_is_read_and_raised(world, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    certificate = self_signed(key).public_bytes(serialization.Encoding.DER)
    written = ESTONIAN.format(
        certificate=base64.b64encode(certificate).decode(),
        digest=base64.b64encode(hashlib.sha256(certificate).digest()).decode(),
    )
    (tmp_path / "template.xml").write_text(written)
    (tmp_path / "note.txt").write_bytes(NOTE)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    done = subprocess.run(
        [
            *(tool("xmlsec1"), "--sign", "--privkey-pem", "key.pem"),
            *("--id-attr:Id", "SignedProperties", "--output", "signed.xml", "template.xml"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    signatures = (tmp_path / "signed.xml").read_bytes()
    files = {"note.txt": NOTE, "META-INF/signatures0.xml": signatures}
    container = archive.pack(files, mimetype=asic.ASIC_E)

    found = read(container)
    stamped = read(asic.extend(container, "B-T", world.services))

    assert [(one.level, one.problems) for one in found.signatures] == [("B-B", ())]
    assert (found.holds, found.signatures[0].signature_algorithm) == (True, "rsa-sha256")
    assert [(one.level, one.holds) for one in stamped.signatures] == [("B-T", True)]


def test_a_simple_container_with_one_file_is_read(world):
    signature = signed_at(world, NOTE, "B-LTA")
    files = {"note.txt": NOTE, "META-INF/signature.p7s": signature}

    found = read(archive.pack(files, mimetype=asic.ASIC_S))

    assert (found.form, found.holds, found.signatures[0].covers) == (
        *("asics-cades", True),
        ("note.txt",),
    )
    token = world.services.stamp(NOTE)
    only_time = read(
        archive.pack({"note.txt": NOTE, "META-INF/timestamp.tst": token}, mimetype=asic.ASIC_S)
    )
    assert (only_time.holds, len(only_time.stamps), only_time.signatures) == (True, 1, ())
