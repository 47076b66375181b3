"""Keys do only what they are for; what is said of them cannot be changed; kinds of key."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.trust.conftest import PASSPHRASE, Founded, csr, openssl, write_pem

from pencere.kernel.errors import Invalid, Refused, Unavailable
from pencere.ledger.checkpoint import Checkpoint
from pencere.trust import cms, der
from pencere.trust.algorithms import ALGORITHMS, algorithm_of
from pencere.trust.contents import Holder
from pencere.trust.durable import write_durably
from pencere.trust.issuance import Wish, read_request
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority
from pencere.trust.roles import Role, Shape, role_of, shape_of

LEGAL = {
    "country": "AZ",
    "organization": "X",
    "organization_identifier": "NTRAZ-x",
    "common_name": "n",
}


@pytest.fixture
def certificate(founded: Founded) -> x509.Certificate:
    return founded.certificate("tsa")


CHECKPOINT = Checkpoint("pencere.az/test", 7, bytes(32)).text.encode()
TOKEN = der.tlv(
    der.SET,
    cms.attribute(cms.CONTENT_TYPE, der.object_identifier("1.2.840.113549.1.9.16.1.4")),
)
ANSWER = der.sequence(der.context(2, der.octet_string(bytes(20))), b"\x18\x00")


@pytest.mark.parametrize(
    "name", ["issuing-person", "ocsp-issuing-person", "tsa", "ledger", "directory", "transcript"]
)
@pytest.mark.parametrize("shape", list(Shape))
def test_a_key_signs_only_what_its_role_is_for(
    founded: Founded, certificate: x509.Certificate, name: str, shape: Shape
) -> None:
    listed = x509.load_der_x509_crl((founded.centre.pki / "root.crl").read_bytes())
    request = x509.load_der_x509_csr(csr(ec.generate_private_key(ec.SECP256R1())))
    data = {
        Shape.CERTIFICATE: certificate.tbs_certificate_bytes,
        Shape.LIST: listed.tbs_certlist_bytes,
        Shape.STATUS: ANSWER,
        Shape.TIME_STAMP: TOKEN,
        Shape.REQUEST: request.tbs_certrequest_bytes,
        Shape.CHECKPOINT: CHECKPOINT,
        Shape.OTHER: b'{"anything": "else"}',
    }[shape]
    allowed = {
        Role.AUTHORITY: {Shape.CERTIFICATE, Shape.LIST},
        Role.STATUS: {Shape.STATUS},
        Role.TIME_STAMP: {Shape.TIME_STAMP},
        Role.LOG: {Shape.CHECKPOINT},
        Role.DATA: {Shape.OTHER, Shape.CHECKPOINT},
    }[role_of(name)]
    signer = founded.centre.keystore.signer(name)
    assert shape_of(data) is shape

    if shape in allowed:
        signer.algorithm.verify(signer.public_key, data, signer.sign(data))
    else:
        with pytest.raises(Refused, match=r"key\.role"):
            signer.sign(data)


@pytest.mark.parametrize("name", ["issuing-person", "ocsp-issuing-person", "tsa", "ledger"])
def test_digests_are_signed_only_where_nothing_else_can_be_meant(
    founded: Founded, name: str
) -> None:
    signer = founded.centre.keystore.signer(name)

    with pytest.raises(Refused, match=r"key\.role"):
        signer.sign_digest(bytes(signer.hash_algorithm.digest_size))


def test_a_time_stamping_key_cannot_issue(founded: Founded) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()

    with pytest.raises(Refused, match=r"key\.role|certificate\.lint"):
        founded.centre.issuance.issue(
            "tls-node",
            Holder(LEGAL, key, ("127.0.0.1",)),
            issuer_name="issuing-infrastructure",
            signer=founded.centre.keystore.signer("tsa"),
        )

    with founded.connect() as connection:
        states = connection.execute(
            "select state from trust.certificate where holder = 'NTRAZ-x'"
        ).fetchall()
    assert states == [("refused",)]


def test_a_role_that_was_changed_is_seen(founded: Founded) -> None:
    path = founded.folder / "keys" / "tsa.binding"
    content = json.loads(path.read_bytes())
    content["content"]["role"] = "authority"
    path.write_text(json.dumps(content))

    with pytest.raises(Refused, match=r"keystore\.binding"):
        founded.centre.keystore.signer("tsa")


def test_a_role_taken_from_another_key_is_seen(founded: Founded) -> None:
    keys = founded.folder / "keys"
    (keys / "tsa.binding").write_bytes((keys / "issuing-person.binding").read_bytes())

    with pytest.raises(Refused, match=r"keystore\.binding"):
        founded.centre.keystore.signer("tsa")


def test_a_role_that_was_deleted_is_missed(founded: Founded) -> None:
    (founded.folder / "keys" / "tsa.binding").unlink()

    with pytest.raises(Refused, match=r"keystore\.binding"):
        founded.centre.keystore.signer("tsa")


def test_another_key_under_the_same_role_is_seen(founded: Founded, tmp_path: Path) -> None:
    other = Keystore(tmp_path / "other", PASSPHRASE)
    other.create("tsa")
    (founded.folder / "keys" / "tsa.key").write_bytes((tmp_path / "other" / "tsa.key").read_bytes())

    with pytest.raises(Refused, match=r"keystore\.binding"):
        founded.centre.keystore.signer("tsa")


def test_a_quorum_cannot_be_taken_from_a_key(founded: Founded) -> None:
    path = founded.folder / "root" / "root.binding"
    content = json.loads(path.read_bytes())
    content["content"]["quorum"] = None
    path.write_text(json.dumps(content))

    with pytest.raises(Refused, match=r"keystore\.binding"):
        founded.centre.root.signer("root")


def test_keys_from_before_there_were_bindings_go_on_in_the_role_of_their_name(
    founded: Founded,
) -> None:
    keys = founded.folder / "keys"
    for path in (*keys.glob("*.binding"), keys / "bound.yes"):
        path.unlink()

    signer = founded.centre.keystore.signer("tsa")

    assert signer.role is Role.TIME_STAMP


# ------------------------------------------------------------------------------- kinds of key


def authority(founded: Founded, name: str, algorithm: str) -> Keystore:
    """A keystore with an authority of another kind, certified by nobody but itself."""
    keystore = Keystore(founded.folder / f"of-{name}", PASSPHRASE, "test")
    keystore.create(name, algorithm, role=Role.AUTHORITY)
    return keystore


def test_an_rsa_authority_issues_to_an_rsa_key(founded: Founded) -> None:
    keystore = authority(founded, "root", "RSA-3072")
    issuance, facts = founded.centre.issuance, load_authority()
    subject = {
        **LEGAL,
        "organization": facts.organization,
        "organization_identifier": facts.organization_identifier,
        "common_name": facts.names["root"],
    }
    root = issuance.issue(
        "root",
        Holder(subject, keystore.public_key("root")),
        issuer_name="root",
        signer=keystore.signer("root"),
        is_self_signed=True,
    )
    keystore.install("root", [root])
    keystore.create("issuing-seal", "RSA-3072")
    issuing = issuance.issue(
        "issuing-seal",
        Holder(
            subject | {"common_name": facts.names["issuing-seal"]},
            keystore.public_key("issuing-seal"),
        ),
        issuer_name="root",
        signer=keystore.signer("root"),
    )
    keystore.install("issuing-seal", [issuing])
    keystore.create("seal-x", "RSA-3072")

    seal = issuance.issue(
        "seal",
        Holder(LEGAL, read_request(keystore.request("seal-x"))),
        issuer_name="issuing-seal",
        signer=keystore.signer("issuing-seal"),
    )

    top = write_pem(founded.folder / "rsa-root.pem", root)
    middle = write_pem(founded.folder / "rsa-issuing.pem", issuing)
    leaf = write_pem(founded.folder / "rsa-seal.pem", seal)
    at = str(int(founded.clock.now().timestamp()))
    openssl("verify", "-x509_strict", "-attime", at, "-CAfile", top, "-untrusted", middle, leaf)
    assert seal.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"


def experimental(founded: Founded) -> tuple[Keystore, x509.Certificate, x509.Certificate]:
    facts = replace(load_authority(), experimental=True)
    issuance = replace(founded.centre.issuance, authority=facts)
    keystore = authority(founded, "experimental-authority", "ML-DSA-65")
    subject = {
        **LEGAL,
        "organization": facts.organization,
        "organization_identifier": facts.organization_identifier,
        "common_name": facts.names["experimental-authority"],
    }
    top = issuance.issue(
        "experimental-authority",
        Holder(subject, keystore.public_key("experimental-authority")),
        issuer_name="experimental-authority",
        signer=keystore.signer("experimental-authority"),
        is_self_signed=True,
    )
    keystore.install("experimental-authority", [top])
    keystore.create("seal-x", "ML-DSA-65")
    seal = issuance.issue(
        "experimental-seal",
        Holder(LEGAL, read_request(keystore.request("seal-x"))),
        issuer_name="experimental-authority",
        signer=keystore.signer("experimental-authority"),
    )
    keystore.install("seal-x", [seal])
    return keystore, top, seal


def test_an_ml_dsa_certificate_verifies(founded: Founded) -> None:
    keystore, top, seal = experimental(founded)

    seal.verify_directly_issued_by(top)
    signer = keystore.signer("seal-x")
    signer.algorithm.verify(seal.public_key(), b"document", signer.sign(b"document"))

    oids = {one.signature_algorithm_oid.dotted_string for one in (top, seal)}
    assert (oids, algorithm_of(seal.public_key()).name) == (
        {"2.16.840.1.101.3.4.3.18"},
        "ML-DSA-65",
    )


def test_experimental_profiles_are_off(founded: Founded) -> None:
    keystore = authority(founded, "experimental-authority", "ML-DSA-65")

    with pytest.raises(Refused, match=r"certificate\.experimental"):
        founded.centre.issuance.issue(
            "experimental-authority",
            Holder(LEGAL, keystore.public_key("experimental-authority")),
            issuer_name="experimental-authority",
            signer=keystore.signer("experimental-authority"),
            is_self_signed=True,
        )


def test_the_other_profiles_take_no_experimental_key(founded: Founded) -> None:
    key = ALGORITHMS["ML-DSA-65"].generate().public_key()

    with pytest.raises(Refused, match=r"own\.key_unaccepted"):
        founded.centre.issuance.issue(
            "seal",
            Holder(LEGAL, key),
            issuer_name="issuing-seal",
            signer=founded.centre.keystore.signer("issuing-seal"),
        )


@pytest.mark.parametrize("algorithm", ["P-256", "P-384", "RSA-3072"])
def test_a_request_of_the_keystore_proves_its_key(tmp_path: Path, algorithm: str) -> None:
    keystore = Keystore(tmp_path, PASSPHRASE)
    made = keystore.create("node", algorithm)

    assert read_request(keystore.request("node")) == made


def test_a_digest_of_another_size_is_refused(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path, PASSPHRASE)
    keystore.create("seal-x", "P-384")

    with pytest.raises(Invalid, match=r"algorithm\.digest"):
        keystore.signer("seal-x").sign_digest(bytes(32))


# --------------------------------------------------------------------------------- full disk

FULL = """
import resource, sys
from pathlib import Path
from pencere.kernel.errors import PencereError
from pencere.trust.keystore import Keystore

keystore = Keystore(Path(sys.argv[1]), "the passphrase of the tests")
# The system refuses to write: the same way out of the same call as on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
try:
    keystore.create("seal-new")
except PencereError as error:
    refusal = error.code
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
keystore.create("seal-new")
left = [path.name for path in Path(sys.argv[1]).glob(".*")]
print(refusal, keystore.signer("seal-new").role.value, *left)
"""


def test_a_full_disk_refuses_a_key_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    Keystore(folder, PASSPHRASE).create("tsa")

    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], capture_output=True, check=True, timeout=60
    )

    assert done.stdout.decode().split() == ["storage.full", "seal"]


def test_what_was_published_stays_when_the_next_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "root.crl"
    write_durably(path, b"before", mode=0o644)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limit[1]))
    try:
        with pytest.raises(Unavailable, match=r"storage\.full"):
            write_durably(path, bytes(100), mode=0o644)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"before", [path])


def test_a_batch_is_issued_whole_or_not_at_all(founded: Founded) -> None:
    signer = founded.centre.keystore.signer("issuing-seal")
    holders = [
        Holder(
            {**LEGAL, "organization_identifier": identifier},
            ec.generate_private_key(ec.SECP256R1()).public_key(),
        )
        for identifier in ("NTRAZ-a", "NTRAZ-b", "no identifier")
    ]
    wishes = [
        Wish("seal", one, bytes(32), ({"by": "officer-1", "for": "application 7"},))
        for one in holders
    ]

    with pytest.raises(Refused, match=r"certificate\.lint"):
        founded.centre.issuance.issue_batch(wishes, issuer_name="issuing-seal", signer=signer)
    made = founded.centre.issuance.issue_batch(
        wishes[:2], issuer_name="issuing-seal", signer=signer
    )

    with founded.connect() as connection:
        rows = connection.execute(
            "select state, count(*), min(approvals ->> 0), bool_and(request_sha256 = %s)"
            " from trust.certificate where holder in ('NTRAZ-a', 'NTRAZ-b', 'no identifier')"
            " group by state order by state",
            (bytes(32),),
        ).fetchall()
    assert (len(made), rows) == (
        2,
        [
            ("issued", 2, '{"by": "officer-1", "for": "application 7"}', True),
            ("refused", 3, '{"by": "officer-1", "for": "application 7"}', True),
        ],
    )
