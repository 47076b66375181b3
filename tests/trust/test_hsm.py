"""The whole chain with its keys in hardware modules: SoftHSM2 by PKCS#11."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from tests.trust.conftest import (
    AYDAN,
    PASSPHRASE,
    Founded,
    TestPhone,
    openssl,
    write_pem,
)

from pencere.kernel.errors import Refused, Unavailable
from pencere.trust import store, timestamps
from pencere.trust.algorithms import algorithm_of
from pencere.trust.ceremony import Centre
from pencere.trust.contents import Holder
from pencere.trust.founding import transcript
from pencere.trust.founding.demonstration import Demonstration, national_plan, write_description
from pencere.trust.founding.description import Description
from pencere.trust.founding.rite import Place, Rite
from pencere.trust.issuance import read_request
from pencere.trust.keystore import Keystore
from pencere.trust.ocsp import Responder, parse_request
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import TimeStampUnit
from pencere.trust.token import TokenPlace, TokenSigner, module_at, token_at

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "648219"

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="SoftHSM2 is not installed")


@dataclass
class Module:
    """The folder of SoftHSM2 with its tokens."""

    folder: Path

    def put_token(self, keystore: Path, label: str) -> TokenPlace:
        """Make a token and tell a keystore of it."""
        subprocess.run(
            [
                *("softhsm2-util", "--init-token", "--free", "--label", label),
                *("--so-pin", "31415926", "--pin", PIN),
            ],
            check=True,
            capture_output=True,
            timeout=30,
        )
        module_at(LIBRARY).rescan()
        keystore.mkdir(exist_ok=True)
        (keystore / "pin").write_text(PIN)
        (keystore / "token.yaml").write_text(f"library: {LIBRARY}\ntoken: {label}\npin_file: pin\n")
        return TokenPlace.read(keystore / "token.yaml")


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        yield Module(folder)


_labels = iter(range(10_000))


@pytest.fixture
def keystore(module: Module, tmp_path: Path) -> Keystore:
    module.put_token(tmp_path / "keys", f"test-{next(_labels)}")
    return Keystore(tmp_path / "keys", PASSPHRASE, "test")


@pytest.mark.parametrize("algorithm", ["P-256", "P-384", "RSA-3072"])
def test_a_key_is_made_in_the_token_and_signs(keystore: Keystore, algorithm: str) -> None:
    public = keystore.create("seal-x", algorithm)

    signer = keystore.signer("seal-x")

    assert isinstance(signer, TokenSigner)
    assert (signer.public_key, algorithm_of(public).name) == (public, algorithm)
    assert not list(keystore.folder.glob("*.key"))
    signer.algorithm.verify(public, b"document", signer.sign(b"document"))
    digest = hashes.Hash(signer.hash_algorithm)
    digest.update(b"document")
    signer.algorithm.verify(public, b"document", signer.sign_digest(digest.finalize()))
    assert read_request(keystore.request("seal-x")) == public


def test_a_role_holds_in_the_token_too(keystore: Keystore, founded: Founded) -> None:
    keystore.create("tsa")

    with pytest.raises(Refused, match=r"key\.role"):
        keystore.signer("tsa").sign(founded.certificate("tsa").tbs_certificate_bytes)


def test_the_token_makes_no_experimental_key(keystore: Keystore) -> None:
    with pytest.raises(Unavailable, match=r"token\.algorithm"):
        keystore.create("seal-x", "ML-DSA-65")

    assert keystore.names() == []


@pytest.fixture
def issuing(founded: Founded, keystore: Keystore) -> Keystore:
    """An issuing authority in the token, certified by the root of the tests."""
    keystore.create("issuing-seal", "P-384")
    facts = founded.centre.issuance.authority
    subject = {
        "country": facts.country,
        "organization": facts.organization,
        "organization_identifier": facts.organization_identifier,
        "common_name": "Token",
    }
    root_key = founded.centre.root._load("root", founded.centre.root.binding("root"))
    certificate = founded.centre.issuance.issue(
        "issuing-seal",
        Holder(subject, keystore.public_key("issuing-seal")),
        issuer_name="root",
        signer=SoftwareSigner(root_key, (founded.root,), Role.AUTHORITY),
    )
    keystore.install("issuing-seal", [certificate])
    return keystore


def rows(founded: Founded) -> list[tuple[str]]:
    with founded.connect() as connection:
        return connection.execute(
            "select state from trust.certificate where holder = 'NTRAZ-hsm' order by reserved_at"
        ).fetchall()


def test_a_token_that_is_away_refuses_and_is_taken_up_again(
    founded: Founded, module: Module, issuing: Keystore
) -> None:
    signer = issuing.signer("issuing-seal")
    tokens, aside = module.folder / "tokens", module.folder / "aside"
    tokens.rename(aside)
    tokens.mkdir()
    module_at(LIBRARY).rescan()
    try:
        with pytest.raises(Unavailable, match=r"token\."):
            issue_with(founded, signer)
        refused = rows(founded)
    finally:
        tokens.rmdir()
        aside.rename(tokens)
        module_at(LIBRARY).rescan()

    certificate = issue_with(founded, signer)

    assert (refused, rows(founded)) == ([], [("issued",)])
    certificate.verify_directly_issued_by(issuing.certificates("issuing-seal")[0])


def issue_with(founded: Founded, signer: object) -> x509.Certificate:
    subject = {
        "country": "AZ",
        "organization": "X",
        "organization_identifier": "NTRAZ-hsm",
        "common_name": "X",
    }
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return founded.centre.issuance.issue(
        "seal", Holder(subject, key), issuer_name="issuing-seal", signer=signer
    )


def test_a_wrong_pin_is_tried_once_and_named(founded: Founded, issuing: Keystore) -> None:
    signer = issuing.signer("issuing-seal")
    pin = issuing.folder / "pin"
    token_at(TokenPlace.read(issuing.folder / "token.yaml")).close()
    pin.write_text("000000")

    for _ in range(20):  # a module that counts would be locked by now
        with pytest.raises(Unavailable, match=r"token\.pin"):
            issue_with(founded, signer)
    refused = rows(founded)
    pin.write_text(PIN)

    issue_with(founded, signer)
    assert (refused, rows(founded)) == ([], [("issued",)])


def test_a_library_that_is_not_there_is_named(issuing: Keystore) -> None:
    (issuing.folder / "token.yaml").write_text(
        "library: /usr/lib/nowhere.so\ntoken: x\npin_file: pin\n"
    )

    with pytest.raises(Unavailable, match=r"token\.library"):
        issuing.signer("issuing-seal")


def test_a_token_without_the_key_is_named(module: Module, issuing: Keystore) -> None:
    module.put_token(issuing.folder, f"test-{next(_labels)}")

    with pytest.raises(Unavailable, match=r"token\.key_missing"):
        issuing.signer("issuing-seal")


def test_the_whole_chain_lives_in_tokens(
    make_database: Callable, module: Module, tmp_path: Path, founded: Founded
) -> None:
    """Ceremony, person, seal, OCSP, time-stamp: every key of the centre in a token."""
    issuance = replace(founded.centre.issuance, conninfo=make_database("trust").app)
    stores = {}
    for name in ("root", "centre"):
        place = module.put_token(tmp_path / name, f"{name}-{next(_labels)}")
        stores[name] = {"kind": "token", "library": str(LIBRARY), "token": place.label}
    root, keys, approvers = (
        Keystore(tmp_path / name, PASSPHRASE, "test") for name in ("root", "centre", "approvers")
    )
    place = Place(issuance, root, keys, tmp_path / "pki")
    demonstration = Demonstration(place, approvers)
    content = write_description(
        {**national_plan(), "stores": stores},
        title="Founding in tokens",
        installation="test",
        people=[],
        rule=demonstration._rule(),
        at=issuance.clock.now(),
    )
    description = Description.parse(content)

    jws = Rite(place, description, demonstration.approve(description)).hold()

    found = transcript.verify(jws, content, root.certificates("root"))
    assert {one["place"] for one in found.steps if one["action"] == "key"} == {"token"}
    assert [*root.folder.glob("*.key"), *keys.folder.glob("*.key")] == []

    centre = Centre(issuance, keys, tmp_path / "pki")
    phone = TestPhone.make()
    enrolled = centre.issue_person(AYDAN, phone.enrolment())
    centre.issue_seal(body="dyp", organization="DYP", token="t" * 43)
    person = x509.load_der_x509_certificate(enrolled.signature)
    seal, *above = keys.certificates("seal-dyp")
    top = write_pem(tmp_path / "root.pem", *root.certificates("root"))
    at = str(int(issuance.clock.now().timestamp()))
    for name, leaf, issuer in (
        ("person", person, keys.certificates("issuing-person")[0]),
        ("seal", seal, above[0]),
        ("tsa", keys.certificates("tsa")[0], keys.certificates("issuing-infrastructure")[0]),
    ):
        middle = write_pem(tmp_path / "middle.pem", issuer)
        file = write_pem(tmp_path / f"{name}.pem", leaf)
        openssl("verify", "-x509_strict", "-attime", at, "-CAfile", top, "-untrusted", middle, file)

    signer = keys.signer("seal-dyp")
    signer.algorithm.verify(seal.public_key(), b"document", signer.sign(b"document"))
    issuer = keys.certificates("issuing-person")[0]
    request = ocsp.OCSPRequestBuilder().add_certificate(person, issuer, hashes.SHA256()).build()
    responder = Responder("issuing-person", issuer, keys.signer("ocsp-issuing-person"))
    answer = answer_of(responder, request, issuance)
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD

    unit = TimeStampUnit(
        keys.signer("tsa"), issuance.authority.tsa_policy, SteadyClock(issuance.clock, None)
    )
    digest = bytes(range(32))
    (tmp_path / "request.tsq").write_bytes(timestamps.request(digest, nonce=7))
    (tmp_path / "reply.tsr").write_bytes(unit.respond((tmp_path / "request.tsq").read_bytes()))
    openssl(
        *("ts", "-verify", "-queryfile", str(tmp_path / "request.tsq")),
        *("-in", str(tmp_path / "reply.tsr"), "-CAfile", top, "-attime", at),
    )


def answer_of(responder: Responder, request: ocsp.OCSPRequest, issuance: object) -> object:
    question = parse_request(request.public_bytes(Encoding.DER))
    with psycopg.connect(issuance.conninfo) as connection:
        known = store.statuses(connection, [("issuing-person", request.serial_number)])
    encoded = responder.answer(question, known, at=issuance.clock.now())
    return ocsp.load_der_ocsp_response(encoded)
