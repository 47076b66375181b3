"""Web eID tokens, made with a file, made with a token of SoftHSM2, and what is refused."""

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12
from tests.trust.conftest import Enrolee, Service

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.trust import web_eid
from pencere.trust.card import of_file
from pencere.trust.store import Reason
from pencere.trust.validation import OcspClient

ORIGIN = "https://portal.example"
NONCE = base64.b64encode(bytes(range(32))).decode()
READABLE = {"format": "web-eid:1", "algorithm": "ES256", "signature": "AA=="}
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture(scope="module")
def aydan(service: Service) -> Enrolee:
    return service.enrol("1WEB111", "")


@pytest.fixture(scope="module")
def card(aydan: Enrolee, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("card") / "card.p12"
    protection = serialization.BestAvailableEncryption(b"1234")
    file.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"card", aydan.phone.authentication, aydan.authentication, None, protection
        )
    )
    return file


def made(card: Path, **changes: Any) -> dict[str, str]:
    opened = of_file(card, "1234")
    values = {"origin": ORIGIN, "nonce": NONCE, "version": "https://example/1.0", **changes}
    return web_eid.make(opened.certificate, opened.sign, **values)


def verified(service: Service, token: dict[str, str], **changes: Any) -> Any:
    values = {
        "origin": ORIGIN,
        "nonce": NONCE,
        "anchors": service.anchors,
        "at": SystemClock().now(),
        "ocsp": OcspClient(),
        **changes,
    }
    return web_eid.verify(web_eid.parse(json.dumps(token)), **values)


def test_a_card_proves_its_owner_to_one_site_and_one_challenge(
    service: Service, card: Path
) -> None:
    token = made(card)

    assert verified(service, token).fin == "1WEB111"
    assert (token["format"], token["algorithm"]) == ("web-eid:1.0", "ES256")
    assert len(base64.b64decode(token["signature"])) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://portal.example.evil"},
        {"origin": "http://portal.example"},
        {"nonce": base64.b64encode(b"\1" * 32).decode()},
    ],
)
def test_a_token_for_another_site_or_challenge_is_refused(
    service: Service, card: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refusal:
        verified(service, made(card), **changes)

    assert refusal.value.code == "web_eid.signature_false"


def test_origin_and_challenge_cannot_be_shifted_into_one_another() -> None:
    one = web_eid.signed_bytes("ES256", "https://a", "b")

    assert one != web_eid.signed_bytes("ES256", "https://", "ab")
    assert len(one) == 64


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "json"),
        ("[]", "json"),
        ("[" * 10_000, "json"),
        ("x" * 20_000, "size"),
        ("{}", "format"),
        ('{"format": "web-eid:2.0"}', "format"),
        ('{"format": "web-eid:10"}', "format"),
        ('{"format": 1}', "format"),
        ('{"format": "web-eid:1.0", "algorithm": "none"}', "algorithm"),
        ('{"format": "web-eid:1.0", "algorithm": ["ES256"]}', "algorithm"),
        ('{"format": "web-eid:1", "algorithm": "ES256"}', "signature"),
        ('{"format": "web-eid:1", "algorithm": "ES256", "signature": "%"}', "signature"),
        ('{"format": "web-eid:1", "algorithm": "ES256", "signature": "AA=="}', "certificate"),
        (json.dumps({**READABLE, "unverifiedCertificate": "MIT/////"}), "certificate"),
        (json.dumps({**READABLE, "unverifiedCertificate": ""}), "certificate"),
    ],
)
def test_what_is_not_a_token_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        web_eid.parse(text)

    assert (refusal.value.code, refusal.value.facts) == ("web_eid.token", {"reason": reason})


@pytest.mark.parametrize("change", ["algorithm", "signature", "length", "der signature"])
def test_a_signature_that_is_not_the_cards_is_refused(
    service: Service, card: Path, aydan: Enrolee, change: str
) -> None:
    token = made(card)
    raw = base64.b64decode(token["signature"])
    if change == "algorithm":
        token["algorithm"] = "ES384"
    elif change == "signature":
        token["signature"] = base64.b64encode(raw[32:] + raw[:32]).decode()
    elif change == "length":
        token["signature"] = base64.b64encode(raw + b"\0").decode()
    else:
        signed = aydan.phone.authentication.sign(
            web_eid.signed_bytes("ES256", ORIGIN, NONCE), ec.ECDSA(hashes.SHA256())
        )
        token["signature"] = base64.b64encode(signed).decode()

    with pytest.raises(Refused) as refusal:
        verified(service, token)

    assert refusal.value.code == "web_eid.signature_false"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("signature key", "certificate.purpose"),
        ("self made", "certificate.untrusted"),
        ("expired", "certificate.expired"),
        ("revoked", "certificate.revoked"),
    ],
)
def test_a_certificate_that_may_not_sign_in_is_refused(
    service: Service, fault: str, code: str
) -> None:
    owner, changes = service.enrol("1WEB112", ""), {}
    key, certificate = owner.phone.authentication, owner.authentication
    if fault == "signature key":
        key, certificate = owner.phone.signature, owner.signature
    elif fault == "self made":
        certificate = self_made(key)
    elif fault == "expired":
        changes["at"] = certificate.not_valid_after_utc + timedelta(seconds=1)
    else:
        service.centre.issuance.revoke(certificate, Reason.KEY_COMPROMISE)

    with pytest.raises(Refused) as refusal:
        verified(service, token_of(key, certificate), **changes)

    assert refusal.value.code == code


def token_of(key: Any, certificate: x509.Certificate) -> dict[str, str]:
    def sign(algorithm: str, data: bytes) -> bytes:
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        size = (key.curve.key_size + 7) // 8
        digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest[algorithm])))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return web_eid.make(certificate, sign, origin=ORIGIN, nonce=NONCE, version="x")


def self_made(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "PNOAZ-1WEB111")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )


@pytest.mark.parametrize(
    ("make_key", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (lambda: rsa.generate_private_key(65537, 2048), "RS256"),
    ],
)
def test_cards_of_all_kinds_are_understood(make_key: Any, algorithm: str) -> None:
    key = make_key()
    token = token_of(key, self_made(key))
    read = web_eid.read(token)

    assert token["algorithm"] == algorithm
    with pytest.raises(Refused) as refusal:
        web_eid.verify(
            read, origin=ORIGIN, nonce=NONCE, anchors=[], at=SystemClock().now(), ocsp=OcspClient()
        )
    assert refusal.value.code == "certificate.untrusted"  # the signature was right
    with pytest.raises(Refused) as refusal:
        web_eid.verify(
            replace(read, signature=read.signature[::-1]),
            origin=ORIGIN, nonce=NONCE, anchors=[], at=SystemClock().now(), ocsp=OcspClient(),
        )  # fmt: skip
    assert refusal.value.code == "web_eid.signature_false"


def test_a_key_too_weak_or_of_another_kind_makes_no_token() -> None:
    key = ec.generate_private_key(ec.SECP256K1())

    with pytest.raises(Invalid):
        web_eid.algorithm_for(self_made(key))


@pytest.mark.parametrize(
    ("file", "password", "kind"),
    [("card.p12", "9999", Refused), ("none.p12", "1234", Missing), ("bad.p12", "1234", Refused)],
)
def test_a_file_that_does_not_open_says_why(
    card: Path, file: str, password: str, kind: type[PencereError]
) -> None:
    (card.parent / "bad.p12").write_bytes(b"\x30\x80 no such file")

    with pytest.raises(kind):
        of_file(card.parent / file, password)


def test_the_signature_key_is_not_offered_to_sign_in(aydan: Enrolee, tmp_path: Path) -> None:
    file = tmp_path / "signature.p12"
    protection = serialization.BestAvailableEncryption(b"1")
    file.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"card", aydan.phone.signature, aydan.signature, None, protection
        )
    )

    with pytest.raises(Missing):
        of_file(file, "1")


# The command, with a file and with a token


@dataclass
class HardToken:
    """A token of SoftHSM2 with the person's keys in it."""

    environment: dict[str, str]
    pin: Path


@pytest.fixture(scope="module")
def hard_token(aydan: Enrolee, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardToken]:
    if not SOFTHSM.exists():
        pytest.skip("no SoftHSM2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    (folder / "pin").write_text("1234")

    def tool(*arguments: str) -> None:
        subprocess.run(arguments, env=environment, check=True, capture_output=True, timeout=30)

    tool("softhsm2-util", "--init-token", "--free", "--label", "card", "--pin", "1234",
         "--so-pin", "87654321")  # fmt: skip
    keys = {
        "01": (aydan.phone.authentication, aydan.authentication),
        "02": (aydan.phone.signature, aydan.signature),
    }
    for number, (key, certificate) in keys.items():
        key_file, certificate_file = folder / f"{number}.key", folder / f"{number}.crt"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
        tool("softhsm2-util", "--import", str(key_file), "--token", "card", "--label", number,
             "--id", number, "--pin", "1234")  # fmt: skip
        tool("pkcs11-tool", "--module", str(SOFTHSM), "--token-label", "card", "--login", "--pin",
             "1234", "--write-object", str(certificate_file), "--type", "cert", "--id", number,
             "--label", number)  # fmt: skip
        key_file.unlink()
    yield HardToken(environment, folder / "pin")
    with contextlib.suppress(OSError):
        (folder / "pin").unlink()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pencere.cli", "token", "authenticate", *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


CHALLENGE = ("--origin", ORIGIN, "--nonce", NONCE)


def test_the_command_answers_with_a_token_of_hardware(
    service: Service, hard_token: HardToken
) -> None:
    done = command(
        "--pkcs11", str(SOFTHSM), "--pin-file", str(hard_token.pin), *CHALLENGE,
        **hard_token.environment,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert verified(service, json.loads(done.stdout)).fin == "1WEB111"


def test_the_command_answers_with_a_file(service: Service, card: Path, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("1234\n")

    done = command("--p12", str(card), "--pin-file", str(tmp_path / "pin"), *CHALLENGE)

    assert done.returncode == 0, done.stderr
    assert verified(service, json.loads(done.stdout)).fin == "1WEB111"


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ("wrong pin", 1, "card.pin"),
        ("no module", 4, "card.unavailable"),
        ("no token", 4, "card.unavailable"),
        ("origin with a path", 3, "--origin"),
        ("nonce", 3, "--nonce"),
        ("both", 2, "--p12"),
    ],
)
def test_the_command_says_what_is_wrong(
    hard_token: HardToken, tmp_path: Path, fault: str, code: int, said: str
) -> None:
    (tmp_path / "pin").write_text("0000")
    pin = tmp_path / "pin" if fault == "wrong pin" else hard_token.pin
    library = "/nowhere.so" if fault == "no module" else str(SOFTHSM)
    arguments = ["--pkcs11", library, "--pin-file", str(pin)]
    if fault == "no token":
        arguments += ["--token", "another"]
    if fault == "both":
        arguments += ["--p12", "x.p12"]
    origin = f"{ORIGIN}/path" if fault == "origin with a path" else ORIGIN
    nonce = "short" if fault == "nonce" else NONCE

    done = command(*arguments, "--origin", origin, "--nonce", nonce, **hard_token.environment)

    assert (done.returncode, said in done.stderr, done.stdout) == (code, True, "")
