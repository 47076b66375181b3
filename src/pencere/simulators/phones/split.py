"""A SIM whose PINs the certification centre counts: the files of one phone, and what they need.

Files, in a folder named by the owner's short name: `card.json` (public facts), `vault.json` (the
owner's keys, see `vault`), `<purpose>.csr`, `<purpose>.crt`, `device.key`, `device.pub`, and
`handover.json` until the centre has its halves.
"""

import base64
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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

from pencere.kernel.errors import Invalid, Refused
from pencere.simulators.phones.sim import (
    HASHES,
    MOST_TRIES,
    PURPOSES,
    Card,
    Pins,
    Purpose,
    Requests,
    refuse_form,
    write_durably,
)
from pencere.simulators.phones.vault import Half, Stretched, new_half, new_salt, stretch

PUK_LENGTH = 8
# How the phone asks the centre: purpose and proof; the share comes back, or Refused.
AskPin = Callable[[Purpose, bytes], bytes]
AskPuk = Callable[[bytes], bytes]
Halves = dict[str, Half]


@dataclass(frozen=True)
class Made:
    """What a new phone sends to be enrolled. `halves` is None once the centre has them."""

    requests: Requests
    halves: Halves | None


class SplitSim:
    """One SIM on disk. Safe to share between threads."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        """Open a SIM; `passphrase` opens the phone's own key, never one of its owner."""
        self._folder = folder
        self._passphrase = passphrase.encode()
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}
        self.finish_renewal()

    @property
    def card(self) -> Card:
        """The public facts."""
        return Card(**json.loads((self._folder / "card.json").read_text("utf-8")))

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate to sign in with."""
        return x509.load_der_x509_certificate((self._folder / "authentication.crt").read_bytes())

    def tries_left(self, purpose: str) -> int:
        """Return how many tries the centre last said are left; 0 is blocked."""
        return self._left.get(purpose, MOST_TRIES)

    def note_tries(self, left: dict[str, int]) -> None:
        """Take up what the centre says."""
        self._left.update(left)

    def sign(self, purpose: Purpose, pin: str, digest: bytes, hash_type: str, ask: AskPin) -> bytes:
        """Return the signature (DER) over a digest.

        Raises:
            Refused: `pin.wrong` with `left`, or `pin.blocked`. Unavailable: `phone.offline`.
        """
        algorithm = HASHES.get(hash_type)
        if algorithm is None or len(digest) != algorithm.digest_size:
            raise Invalid("phone.digest")
        key = self.unlock(purpose, pin, ask)
        return key.sign(digest, ec.ECDSA(utils.Prehashed(algorithm)))

    def unlock(self, purpose: Purpose, pin: str, ask: AskPin) -> ec.EllipticCurvePrivateKey:
        """Return a key of the owner's for its PIN."""
        kept = self._vault()["pins"][purpose]
        typed = stretch(pin, base64.b64decode(kept["salt"]), purpose)
        return typed.unwrap(kept["wrapped"], self._counted(purpose, ask, purpose, typed), purpose)

    def prove(self, data: bytes) -> bytes:
        """Return a signature with the phone's own key."""
        pem = (self._folder / "device.key").read_bytes()
        key = load_pem_private_key(pem, self._passphrase)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Invalid("phone.vault")
        return key.sign(data, ec.ECDSA(hashes.SHA256()))

    def unblock(
        self,
        purpose: Purpose,
        puk: str,
        pin: str,
        ask: AskPuk,
        tell: Callable[[bytes, Half], object],
    ) -> None:
        """Give a key a new PIN by the PUK; `tell` hands the new half over with the PUK's proof.

        Raises:
            Refused: `puk.wrong` with `left`, `puk.blocked`. Invalid: `pin.form`.
        """
        refuse_form(purpose, pin)
        with self._lock:
            vault = self._vault()
            typed = stretch(puk, base64.b64decode(vault["puk"]["salt"]), "puk")
            share = self._counted("puk", lambda _, proof: ask(proof), purpose, typed)
            key = typed.unwrap(vault["puk"]["wrapped"][purpose], share, purpose)
            vault["pins"][purpose], half = _under_pin(key, pin, purpose)
            tell(typed.proof, half)
            self._write(vault)
            self.note_tries({purpose: MOST_TRIES})

    def renew_puk(
        self, pins: dict[Purpose, str], puk: str, ask: AskPin, tell: Callable[..., object]
    ) -> None:
        """Set a new PUK, both PINs being right; `tell` hands proofs and new half over.

        Raises:
            Refused: `pin.wrong`, `pin.blocked`, what `tell` raises. Invalid: `puk.form`.
        """
        refuse_puk(puk)
        with self._lock:
            vault = self._vault()
            keys = {one: self.unlock(one, pins[one], ask) for one in PURPOSES}
            proofs = {
                one: stretch(pins[one], base64.b64decode(vault["pins"][one]["salt"]), one).proof
                for one in PURPOSES
            }
            # On disk before it counts: after an answer that was lost the same is sent again.
            staged = self._folder / "puk.json"
            vault["puk"], half = _staged_puk(staged, keys, puk)
            tell(proofs, half)
            self._write(vault)
            staged.unlink(missing_ok=True)
            self.note_tries(dict.fromkeys((*PURPOSES, "puk"), MOST_TRIES))

    def prepare_renewal(self, pins: Pins) -> Made:
        """Make new keys beside the old; done again with the same PINs, the same."""
        staged = self._folder / "renewal"
        if not (staged / "handover.json").exists():
            make_keys(staged, pins)
            shutil.copy(self._folder / "device.pub", staged / "device.pub")
        refuse_other_pins(staged, pins)
        return made_in(staged)

    def take_renewal(self, *, device: str, authentication: bytes, signature: bytes) -> None:
        """Put the new keys in the place of the old."""
        staged = self._folder / "renewal"
        write_durably(staged / "authentication.crt", authentication)
        write_durably(staged / "signature.crt", signature)
        write_durably(staged / "done.json", json.dumps({"device": device}).encode())
        self.finish_renewal()

    def finish_renewal(self) -> None:
        """Move what was renewed into place; a stop on the way is made good at the next start."""
        staged = self._folder / "renewal"
        if not (staged / "done.json").exists():
            return
        done = json.loads((staged / "done.json").read_text("utf-8"))
        for name in ("vault.json", *(f"{one}.{end}" for one in PURPOSES for end in ("csr", "crt"))):
            write_durably(self._folder / name, (staged / name).read_bytes())
        card = json.loads((self._folder / "card.json").read_text("utf-8"))
        card |= {"device": done["device"]}
        write_durably(self._folder / "card.json", json.dumps(card, ensure_ascii=False).encode())
        shutil.rmtree(staged)

    def _counted(self, purpose: str, ask: AskPin, asked: Purpose, typed: Stretched) -> bytes:
        try:
            share = ask(asked, typed.proof)
        except Refused as error:
            if isinstance(left := error.facts.get("left"), int):
                self.note_tries({purpose: left})
            raise
        self.note_tries({purpose: MOST_TRIES})
        return share

    def _vault(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._folder / "vault.json").read_text("utf-8"))
        return found

    def _write(self, vault: dict[str, Any]) -> None:
        write_durably(self._folder / "vault.json", json.dumps(vault).encode())


def provision(folder: Path, card: Card, pins: Pins, passphrase: str) -> Made:
    """Make the keys of a person's phone, once, and return what to send to be enrolled.

    Done again, it returns the same: keys and PINs stay as their owner has them. A phone of before
    the centre counted tries is made anew.
    """
    own = folder / card.name
    if not (own / "card.json").exists() or not (own / "vault.json").exists():
        make_keys(own, pins)
        make_device(own, passphrase)
        # Last: a phone is there when its card is.
        write_durably(own / "card.json", json.dumps(asdict(card), ensure_ascii=False).encode())
    return made_in(own)


def make_keys(own: Path, pins: Pins) -> None:
    """Make the owner's two keys, their requests, and the halves for the centre."""
    refuse_puk(pins.puk)
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys: dict[Purpose, ec.EllipticCurvePrivateKey] = {}
    kept: dict[str, dict[str, str]] = {}
    halves: dict[str, Half] = {}
    for purpose, pin in zip(PURPOSES, (pins.pin1, pins.pin2), strict=True):
        refuse_form(purpose, pin)
        keys[purpose] = ec.generate_private_key(ec.SECP256R1())
        kept[purpose], halves[purpose] = _under_pin(keys[purpose], pin, purpose)
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = request.sign(keys[purpose], hashes.SHA256()).public_bytes(Encoding.DER)
        write_durably(own / f"{purpose}.csr", csr)
    puk, half = _under_puk(keys, pins.puk)
    vault = {"pins": kept, "puk": puk}
    handover = {**{name: one.as_json() for name, one in halves.items()}, "puk": half.as_json()}
    write_durably(own / "vault.json", json.dumps(vault).encode())
    write_durably(own / "handover.json", json.dumps(handover).encode())


def make_device(own: Path, passphrase: str) -> None:
    """Make the phone's own key."""
    device = ec.generate_private_key(ec.SECP256R1())
    pem = device.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    write_durably(own / "device.key", pem)
    spki = device.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    write_durably(own / "device.pub", spki)


def made_in(own: Path) -> Made:
    """Return what a phone sends, from its files."""
    halves = None
    if (own / "handover.json").exists():
        given = json.loads((own / "handover.json").read_text("utf-8"))
        halves = {
            name: Half(base64.b64decode(one["verifier"]), base64.b64decode(one["share"]))
            for name, one in given.items()
        }
    requests = Requests(
        (own / "authentication.csr").read_bytes(),
        (own / "signature.csr").read_bytes(),
        (own / "device.pub").read_bytes(),
    )
    return Made(requests, halves)


def forget_halves(folder: Path, name: str) -> None:
    """Delete the shares: the centre has them now, and the phone must not."""
    (folder / name / "handover.json").unlink(missing_ok=True)


def refuse_other_pins(own: Path, pins: Pins) -> None:
    """Refuse PINs other than those that keys not yet enrolled were made with.

    Raises:
        Refused: `pin.other`.
    """
    vault = json.loads((own / "vault.json").read_text("utf-8"))
    halves = made_in(own).halves or {}
    typed = {"authentication": pins.pin1, "signature": pins.pin2, "puk": pins.puk}
    for purpose, half in halves.items():
        kept = vault["puk"] if purpose == "puk" else vault["pins"][purpose]
        salt = base64.b64decode(kept["salt"])
        if not stretch(typed[purpose], salt, purpose).is_of(half.verifier):
            raise Refused("pin.other")


def refuse_puk(puk: str) -> None:
    """Refuse a PUK that is not eight digits."""
    if not (puk.isascii() and puk.isdigit() and len(puk) == PUK_LENGTH):
        raise Invalid("puk.form", digits=PUK_LENGTH)


def _staged_puk(
    staged: Path, keys: dict[Purpose, ec.EllipticCurvePrivateKey], puk: str
) -> tuple[dict[str, Any], Half]:
    if staged.exists():
        there = json.loads(staged.read_text("utf-8"))
        half = Half(*(base64.b64decode(there["half"][name]) for name in ("verifier", "share")))
        if stretch(puk, base64.b64decode(there["puk"]["salt"]), "puk").is_of(half.verifier):
            return there["puk"], half
    kept, half = _under_puk(keys, puk)
    write_durably(staged, json.dumps({"puk": kept, "half": half.as_json()}).encode())
    return kept, half


def _under_pin(
    key: ec.EllipticCurvePrivateKey, pin: str, purpose: Purpose
) -> tuple[dict[str, str], Half]:
    salt = new_salt()
    typed = stretch(pin, salt, purpose)
    half = new_half(typed)
    kept = {
        "salt": base64.b64encode(salt).decode(),
        "wrapped": typed.wrap(key, half.share, purpose),
    }
    return kept, half


def _under_puk(
    keys: dict[Purpose, ec.EllipticCurvePrivateKey], puk: str
) -> tuple[dict[str, Any], Half]:
    salt = new_salt()
    typed = stretch(puk, salt, "puk")
    half = new_half(typed)
    wrapped = {one: typed.wrap(key, half.share, one) for one, key in keys.items()}
    return {"salt": base64.b64encode(salt).decode(), "wrapped": wrapped}, half
