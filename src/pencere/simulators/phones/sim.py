"""What a SIM holds: two keys of its owner, each under a PIN, and one of the phone itself.

Files of one phone, in a folder named by its owner's short name: `card.json` (public facts),
`<purpose>.key` under the PIN and `<purpose>.puk.key` under the PUK (PKCS#8), `<purpose>.csr`,
`<purpose>.crt`, `device.key`, `tries.json`. In a real SIM the chip counts the tries; here the
process does, so whoever has the files can guess a PIN. That is the one thing a simulator lacks.
"""

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pencere.kernel.errors import Invalid, Missing, Refused

Purpose = Literal["authentication", "signature"]
PURPOSES: tuple[Purpose, ...] = ("authentication", "signature")
PIN_LENGTHS: dict[Purpose, int] = {"authentication": 4, "signature": 5}
MOST_TRIES = 3
HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Card:
    """Whose phone it is. `name` is the short name in addresses; no personal number is kept."""

    name: str
    surname: str
    given_name: str
    phone: str
    puk_hint: str
    device: str | None = None


class Sim:
    """One SIM on disk. Safe to share between threads."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        """Open a SIM; `passphrase` opens the phone's own key, never one of its owner."""
        self._folder = folder
        self._passphrase = passphrase.encode()
        self._lock = threading.Lock()
        if not (folder / "card.json").exists():
            raise Missing("phone.missing")

    @property
    def card(self) -> Card:
        """The public facts."""
        return Card(**json.loads((self._folder / "card.json").read_text("utf-8")))

    def tries_left(self, purpose: Purpose) -> int:
        """Return how many wrong PINs are still allowed; 0 is blocked."""
        path = self._folder / "tries.json"
        left: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return left.get(purpose, MOST_TRIES)

    def sign(self, purpose: Purpose, pin: str, digest: bytes, hash_type: str) -> bytes:
        """Return the signature (DER) over a digest.

        Raises:
            Refused: `pin.wrong` with `left`, or `pin.blocked`.
        """
        algorithm = HASHES.get(hash_type)
        if algorithm is None or len(digest) != algorithm.digest_size:
            raise Invalid("phone.digest")
        key = self.unlock(purpose, pin)
        return key.sign(digest, ec.ECDSA(utils.Prehashed(algorithm)))

    def prove(self, data: bytes) -> bytes:
        """Return a signature with the phone's own key."""
        pem = (self._folder / "device.key").read_bytes()
        return _load(pem, self._passphrase).sign(data, ec.ECDSA(hashes.SHA256()))

    def unblock(self, purpose: Purpose, puk: str, pin: str) -> None:
        """Give a key a new PIN by the PUK.

        Raises:
            Refused: `puk.wrong`. Invalid: `pin.form`.
        """
        refuse_form(purpose, pin)
        with self._lock:
            try:
                key = _load((self._folder / f"{purpose}.puk.key").read_bytes(), puk.encode())
            except ValueError as error:
                raise Refused("puk.wrong") from error
            write_durably(self._folder / f"{purpose}.key", _dump(key, pin.encode()))
            self._set_tries(purpose, MOST_TRIES)

    def certificate(self, purpose: Purpose) -> x509.Certificate:
        """Return the certificate of a key.

        Raises:
            Missing: `phone.certificate`, there is none yet.
        """
        path = self._folder / f"{purpose}.crt"
        if not path.exists():
            raise Missing("phone.certificate")
        return x509.load_der_x509_certificate(path.read_bytes())

    def unlock(self, purpose: Purpose, pin: str) -> ec.EllipticCurvePrivateKey:
        """Return the key that a PIN opens; who gets it lets it go when the errand is done.

        Raises:
            Refused: `pin.wrong` with `left`, or `pin.blocked`.
        """
        with self._lock:
            left = self.tries_left(purpose)
            if left <= 0:
                raise Refused("pin.blocked")
            # Counted before it is tried: a process that is killed in between gives no free try.
            self._set_tries(purpose, left - 1)
            try:
                key = _load((self._folder / f"{purpose}.key").read_bytes(), pin.encode() or b"-")
            except ValueError as error:
                code = "pin.wrong" if left > 1 else "pin.blocked"
                raise Refused(code, left=left - 1) from error
            self._set_tries(purpose, MOST_TRIES)
            return key

    def _set_tries(self, purpose: Purpose, left: int) -> None:
        everything = {one: self.tries_left(one) for one in PURPOSES} | {purpose: left}
        write_durably(self._folder / "tries.json", json.dumps(everything).encode())


@dataclass(frozen=True)
class Pins:
    """PIN1 signs in (4 digits), PIN2 signs (5 digits), the PUK gives new ones (8 digits)."""

    pin1: str
    pin2: str
    puk: str = "87654321"


@dataclass(frozen=True)
class Requests:
    """What a phone sends to be enrolled: PKCS#10 requests and its own key (SPKI), all DER."""

    authentication_request: bytes
    signature_request: bytes
    device_key: bytes


def provision(folder: Path, card: Card, pins: Pins, passphrase: str) -> Requests:
    """Make the keys of a person's phone, once, and return what to send to be enrolled.

    Done again, it returns the same: keys and PINs stay as their owner has them.
    """
    own = folder / card.name
    if not (own / "card.json").exists():
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        for purpose, pin in zip(PURPOSES, (pins.pin1, pins.pin2), strict=True):
            refuse_form(purpose, pin)
            key = ec.generate_private_key(ec.SECP256R1())
            request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
            write_durably(own / f"{purpose}.key", _dump(key, pin.encode()))
            write_durably(own / f"{purpose}.puk.key", _dump(key, pins.puk.encode()))
            csr = request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
            write_durably(own / f"{purpose}.csr", csr)
        device = ec.generate_private_key(ec.SECP256R1())
        write_durably(own / "device.key", _dump(device, passphrase.encode()))
        spki = device.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        write_durably(own / "device.pub", spki)
        # Last: a phone is there when its card is.
        write_durably(own / "card.json", json.dumps(asdict(card), ensure_ascii=False).encode())
    return Requests(
        (own / "authentication.csr").read_bytes(),
        (own / "signature.csr").read_bytes(),
        (own / "device.pub").read_bytes(),
    )


def store_certificates(
    folder: Path, name: str, *, device: str, authentication: bytes, signature: bytes
) -> None:
    """Put into a phone what the certification centre gave for its requests (DER)."""
    own = folder / name
    write_durably(own / "authentication.crt", authentication)
    write_durably(own / "signature.crt", signature)
    card = json.loads((own / "card.json").read_text("utf-8")) | {"device": device}
    write_durably(own / "card.json", json.dumps(card, ensure_ascii=False).encode())


def write_durably(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def refuse_form(purpose: Purpose, pin: str) -> None:
    """Refuse a PIN that is not as many digits as its purpose wants."""
    if not (pin.isascii() and pin.isdigit() and len(pin) == PIN_LENGTHS[purpose]):
        raise Invalid("pin.form", digits=PIN_LENGTHS[purpose])


def _dump(key: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret))


def _load(pem: bytes, secret: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, secret)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("kind of key")  # noqa: TRY004 -- as the parser says it
    return key
