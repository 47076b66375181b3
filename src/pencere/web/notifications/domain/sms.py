"""Handing text messages to the operator's provider. docs/specs/notifications.md.

`PENCERE_SMS` names the provider (`https://sms.example.az/v1`), `PENCERE_SMS_SENDER` the sender that
people see (up to 11 letters of the GSM alphabet, or a number), `PENCERE_SMS_LETTERS` whether the
letters of the language stay (`own`, the default) or become Latin and cheaper (`latin`). What is
said is signed with the secret in the file `secrets/sms`. Without a provider nothing is sent.
"""

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import requests

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Misconfigured, Refused, Unavailable
from pencere.web.notifications.domain.sms_text import in_latin, parts_of

PROVIDER, SENDER, LETTERS = "PENCERE_SMS", "PENCERE_SMS_SENDER", "PENCERE_SMS_LETTERS"
TIME, SIGNATURE = "Pencere-Sms-Timestamp", "Pencere-Sms-Signature"
TIMEOUTS_S = (3.05, 10)
TOLERANCE_S = 300
_SENDER = re.compile(r"[A-Za-z0-9 ]{1,11}|\+[0-9]{7,15}")
_LATER = frozenset({401, 403, 408, 425, 429})  # ours to mend, or too fast: not the number's fault

Kind = Literal["message", "ping", "report"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `callback` is where it says what became of a message."""

    address: str
    sender: str
    secret: str
    letters: str
    callback: str

    def __repr__(self) -> str:
        return f"Provider({self.address})"

    def send(self, *, to: str, subject: str, text: str, key: str, at: datetime) -> int:
        """Hand one message over; return its parts. `key` is its reference: twice is once.

        Raises:
            Unavailable: "sms.silent": no answer, or come again.
            Refused: "sms.refused": the provider will never take it.
        """
        del subject  # a text message has none
        words = in_latin(text) if self.letters == "latin" else text
        self._post(
            "/messages",
            "message",
            {
                "callback_url": self.callback,
                "reference": key,
                "sender": self.sender,
                "text": words,
                "to": to,
            },
            at=at,
        )
        return parts_of(words)

    def ping(self, *, at: datetime) -> None:
        """Return when the provider answers and knows us, else raise as `send`."""
        self._post("/ping", "ping", {"sender": self.sender}, at=at)

    def _post(self, path: str, kind: Kind, asked: Mapping[str, str], *, at: datetime) -> None:
        body, timestamp = canonical_json(dict(asked)), int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            TIME: str(timestamp),
            SIGNATURE: sign(self.secret, kind, timestamp=timestamp, body=body),
        }
        try:
            status = requests.post(
                self.address + path, data=body, headers=headers, timeout=TIMEOUTS_S,
                allow_redirects=False,
            ).status_code  # fmt: skip
        except requests.RequestException:
            # Not chained: the library's words hold the whole request.
            raise Unavailable("sms.silent") from None
        if status in _LATER or not 200 <= status < 500 or 300 <= status < 400:
            raise Unavailable("sms.silent")
        if status >= 400:
            raise Refused("sms.refused")


def provider(folder: Path, *, callback: str) -> Provider | None:
    """Return the operator's provider, None when there is none; `folder` is that of secrets.

    Raises:
        Misconfigured: a variable cannot be used, or the secret is not there.
    """
    named = os.environ.get(PROVIDER, "").rstrip("/")
    if not named:
        return None
    if not _is_usable(named):
        raise _wrong(PROVIDER, named, "https://sms.example.az/v1")
    sender = os.environ.get(SENDER, "")
    if not _SENDER.fullmatch(sender):
        raise _wrong(SENDER, sender, "Pencere")
    letters = os.environ.get(LETTERS, "own")
    if letters not in {"own", "latin"}:
        raise _wrong(LETTERS, letters, "own")
    return Provider(named, sender, secret_in(folder), letters, callback)


def secret_in(folder: Path) -> str:
    """Return the secret shared with the provider.

    Raises:
        Misconfigured: there is none.
    """
    file = folder / "sms"
    secret = file.read_text("utf-8").strip() if file.is_file() else ""
    if not secret:
        raise Misconfigured(file=file, key="secret", value="", example="what the provider gave")
    return secret


def sign(secret: str, kind: Kind, *, timestamp: int, body: bytes) -> str:
    """Return `v1=` and 64 hexadecimal digits."""
    message = b"\n".join((b"v1", kind.encode(), str(timestamp).encode(), body))
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, at: datetime) -> None:
    """Refuse a report that the provider did not sign, or not now.

    Raises:
        Refused: "sms.forged", "sms.stale".
    """
    timestamp = headers.get(TIME, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused("sms.forged")
    expected = sign(secret, "report", timestamp=int(timestamp), body=body)
    if not hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").encode()):
        raise Refused("sms.forged")
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise Refused("sms.stale")


def _is_usable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        is_plain = not (parts.query or parts.fragment or parts.username)
    except ValueError:
        return False
    return (
        bool(host)
        and is_plain
        and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(variable: str, value: str, example: str) -> Misconfigured:
    return Misconfigured(file=Path("environment"), key=variable, value=value, example=example)
