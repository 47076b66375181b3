"""SİMA web2app: what a relying party writes into a link or a QR code, and how it is read.

A container names an operation and the relying party; its header is an HMAC under the secret that
the two sides agreed on. Pure: no network, no clock. docs/specs/sima.md.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.mobile import verification_code

NAME, VERSION = "web2app", "1.3"
HEADER_ALGORITHM = "HMACSHA256"
LARGEST_CONTAINER = 4_096
MOST_ASSIGNEES = 20
_AUTHENTICATION = b"pencere sima authentication v1\n"


class OperationType(StrEnum):
    """What the person is asked for."""

    AUTH = "Auth"
    SIGN = "Sign"

    @property
    def purpose(self) -> str:
        """The profile that the certificate of the answer must have."""
        return "person-authentication" if self is OperationType.AUTH else "person-signature"


@dataclass(frozen=True)
class Operation:
    """One question. `assignee` are the personal numbers that may answer; empty: anybody."""

    type: OperationType
    id: str
    not_before: datetime
    expires: datetime
    assignee: tuple[str, ...] = ()

    def refuse_other_time(self, at: datetime) -> None:
        """Return if the operation may be answered at `at`.

        Raises:
            Refused: `sima.early`, `sima.expired`.
        """
        if at < self.not_before:
            raise Refused("sima.early")
        if at >= self.expires:
            raise Refused("sima.expired")


@dataclass(frozen=True)
class Client:
    """The relying party, as it is registered with SİMA under `id`."""

    id: str
    name: str
    icon: str
    callback: str
    redirect: str
    host: str


@dataclass(frozen=True)
class Data:
    """What is signed: where it is and its SHA-256."""

    address: str
    sha256: bytes


@dataclass(frozen=True)
class Container:
    """A container whose header was proven; `digest` is the SHA-256 that the header is over."""

    operation: Operation
    client: Client
    data: Data | None
    digest: bytes

    @property
    def code(self) -> str:
        """The four digits that the page and the application show."""
        return verification_code(self.digest)


def write(operation: Operation, client: Client, secret: str, data: Data | None = None) -> bytes:
    """Return the JSON document with its header, as the public C# integration writes it."""
    signable: dict[str, Any] = {
        "ProtoInfo": {"Name": NAME, "Version": VERSION},
        "OperationInfo": {
            "Type": operation.type.value,
            "OperationId": operation.id,
            "NbfUTC": int(operation.not_before.timestamp()),
            "ExpUTC": int(operation.expires.timestamp()),
            "Assignee": list(operation.assignee),
        },
    }
    if data is not None:
        signable["DataInfo"] = {
            "DataURI": data.address,
            "AlgName": "SHA256",
            "FingerPrint": _encode(data.sha256),
        }
    signable["ClientInfo"] = {
        "ClientId": client.id,
        "ClientName": client.name,
        "IconURI": client.icon,
        "Callback": client.callback,
        "RedirectURI": client.redirect,
        "HostName": client.host,
    }
    text = json.dumps(signable, ensure_ascii=False, separators=(",", ":"))
    header = {
        "AlgName": HEADER_ALGORITHM,
        "Signature": _encode(_header(hashlib.sha256(text.encode()).digest(), secret)),
    }
    document = f'{{"SignableContainer":{text},"Header":{json.dumps(header)}}}'.encode()
    if len(document) > LARGEST_CONTAINER:
        raise Invalid("sima.container", reason="size")
    return document


def read(document: bytes, secret_of: Callable[[str], str]) -> Container:
    """Return what a document says, if its header was made with the secret of its client.

    The name of the algorithm may stand under `AlgName` or `AlgorithmName`: integrations differ.

    Raises:
        Invalid: `sima.container`, it is not one.
        Refused: `sima.header`, it was not written by that client.
    """
    if len(document) > LARGEST_CONTAINER:
        raise Invalid("sima.container", reason="size")
    try:
        members = _members(document.decode())
        text, signable = members["SignableContainer"]
        header = members["Header"][1]
        algorithm = header.get("AlgName", header.get("AlgorithmName"))
        given = decode(header["Signature"], longest=64)
        digest = hashlib.sha256(text.encode()).digest()
        container = _container(signable, digest)
    except Invalid:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise Invalid("sima.container", reason=type(error).__name__) from error
    if algorithm != HEADER_ALGORITHM or not hmac.compare_digest(
        given, _header(digest, secret_of(container.client.id))
    ):
        raise Refused("sima.header")
    return container


def file_address(endpoint: str, document: bytes) -> str:
    """Return the address that a QR code holds; `endpoint` ends with a slash."""
    return f"{endpoint}?tsquery={quote(_encode(document), safe='')}"


def document_of(query: str) -> bytes:
    """Return the document of a query string; a plus that was not escaped is understood.

    Raises:
        Invalid: `sima.container`.
    """
    try:
        found = dict(parse_qsl(query, max_num_fields=4, strict_parsing=True))
    except ValueError as error:
        raise Invalid("sima.container", reason="query") from error
    return decode(found.get("tsquery", "").replace(" ", "+"), longest=LARGEST_CONTAINER * 2)


def link(scheme: str, address: str) -> str:
    """Return the link that opens the application on the same phone."""
    return f"{scheme}?data={quote(address, safe='')}"


def authentication_data(operation: str, host: str, nonce: bytes) -> bytes:
    """Return what is signed to sign in: bound to the site and the operation, and fresh."""
    return _AUTHENTICATION + f"{host}\n{operation}\n{nonce.hex()}\n".encode()


def decode(given: object, *, longest: int) -> bytes:
    """Return the bytes of a base64 text of at most `longest` characters.

    Raises:
        Invalid: `sima.container`.
    """
    if not isinstance(given, str) or len(given) > longest:
        raise Invalid("sima.container", reason="base64")
    try:
        return base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Invalid("sima.container", reason="base64") from error


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _header(digest: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), digest, hashlib.sha256)


def _members(text: str) -> dict[str, tuple[str, Any]]:
    """Return the members of a JSON object, each as it stands in the text and as a value.

    The header is over the bytes as they were written, which another writer spaces in its own way.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    found: dict[str, tuple[str, Any]] = {}
    end = _skip(text, 0, "{")
    while True:
        name, end = decoder.raw_decode(text, end)
        begin = _skip(text, end, ":")
        value, end = decoder.raw_decode(text, begin)
        if not isinstance(name, str) or name in found:
            raise ValueError("member")
        found[name] = (text[begin:end], value)
        rest = text[end:].lstrip()
        if rest[:1] != ",":
            break
        end = _skip(text, end, ",")
    if rest.rstrip() != "}":
        raise ValueError("rest")
    return found


def _skip(text: str, position: int, sign: str) -> int:
    """Return where the next value begins behind `sign`."""
    rest = text[position:].lstrip()
    if rest[:1] != sign:
        raise ValueError(sign)
    behind = rest[1:].lstrip()
    return len(text) - len(behind)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _container(signable: dict[str, Any], digest: bytes) -> Container:
    proto, asked = signable["ProtoInfo"], signable["OperationInfo"]
    client, data = signable["ClientInfo"], signable.get("DataInfo")
    if proto["Name"] != NAME or str(proto["Version"]).partition(".")[0] != "1":
        raise ValueError("protocol")
    assignee = asked.get("Assignee") or ()
    if not isinstance(assignee, list | tuple) or len(assignee) > MOST_ASSIGNEES:
        raise ValueError("assignee")
    host = client.get("HostName")
    return Container(
        Operation(
            OperationType(asked["Type"]),
            _text(asked["OperationId"]),
            _instant(asked["NbfUTC"]),
            _instant(asked["ExpUTC"]),
            tuple(_text(one) for one in assignee),
        ),
        Client(
            _text(str(client["ClientId"])),
            _text(client["ClientName"]),
            _text(client.get("IconURI") or ""),
            _text(client["Callback"]),
            _text(client.get("RedirectURI") or ""),
            _text(",".join(host) if isinstance(host, list) else host or ""),
        ),
        _data(data),
        digest,
    )


def _data(given: dict[str, Any] | None) -> Data | None:
    if given is None or not given.get("FingerPrint"):
        return None
    sha256 = decode(given["FingerPrint"], longest=64)
    if given.get("AlgName", "SHA256") != "SHA256" or len(sha256) != 32:
        raise ValueError("fingerprint")
    return Data(_text(given.get("DataURI") or ""), sha256)


def _text(given: object) -> str:
    if not isinstance(given, str) or len(given) > 500 or not given.isprintable():
        raise ValueError("text")
    return given


def _instant(given: object) -> datetime:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < 1 << 40:
        raise ValueError("instant")
    return datetime.fromtimestamp(given, UTC)
