"""A link as the application reads it: who asks whom for what, and whether they wrote it.

docs/specs/sima.md. The header is over the bytes of the container as they stand in the document.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pencere.kernel.errors import Invalid, Refused

LONGEST_LINK = 16_384
_SIGNABLE = re.compile(r'\A\s*\{\s*"SignableContainer"\s*:\s*')
_HEADER = re.compile(r'\A\s*,\s*"Header"\s*:\s*')


@dataclass(frozen=True)
class Question:
    """What a link asks. `address` gives the data; `sha256` is that of the document, if any."""

    address: str
    kind: str
    operation: str
    begins: int
    ends: int
    assignee: tuple[str, ...]
    client: str
    host: str
    callback: str
    back: str
    sha256: bytes | None
    code: str

    @property
    def path_and_query(self) -> str:
        """What is signed to fetch the data."""
        return self.address.partition(self.host)[2]


def read_link(link: str, secrets: Mapping[str, str]) -> Question:
    """Return the question of a link or of its address; `secrets` are those of relying parties.

    Raises:
        Invalid: `link.unreadable`. Refused: `link.not_written`, `link.elsewhere`.
    """
    address = link.strip()
    if len(address) > LONGEST_LINK:
        raise Invalid("link.unreadable")
    if "data=" in address and "tsquery=" not in address.partition("data=")[0]:
        address = unquote(address.partition("data=")[2])
    try:
        query = parse_qs(urlsplit(address).query, strict_parsing=True)["tsquery"][0]
        document = base64.b64decode(query.replace(" ", "+"), validate=True).decode()
        text, header = _split(document)
        signable = json.loads(text)
        digest = hashlib.sha256(text.encode()).digest()
        given = base64.b64decode(header["Signature"], validate=True)
        client = signable["ClientInfo"]
        question = _question(address, signable, digest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("link.unreadable") from error
    secret = secrets.get(str(client["ClientId"]))
    expected = hmac.digest((secret or "").encode(), digest, "sha256")
    if secret is None or not hmac.compare_digest(given, expected):
        raise Refused("link.not_written")
    # What is fetched and where the answer goes is the relying party's own site.
    if {urlsplit(question.address).netloc, urlsplit(question.callback).netloc} != {question.host}:
        raise Refused("link.elsewhere")
    return question


def _split(document: str) -> tuple[str, dict[str, Any]]:
    begin = _SIGNABLE.match(document)
    if begin is None:
        raise ValueError("container")
    _, end = json.JSONDecoder().raw_decode(document, begin.end())
    behind = _HEADER.match(document[end:])
    if behind is None:
        raise ValueError("header")
    header, last = json.JSONDecoder().raw_decode(document, end + behind.end())
    if document[last:].strip() != "}" or not isinstance(header, dict):
        raise ValueError("header")
    return document[begin.end() : end], header


def _question(address: str, signable: dict[str, Any], digest: bytes) -> Question:
    asked, client = signable["OperationInfo"], signable["ClientInfo"]
    data = signable.get("DataInfo")
    if asked["Type"] not in {"Auth", "Sign"} or signable["ProtoInfo"]["Name"] != "web2app":
        raise ValueError("kind")
    code = (digest[0] >> 2) << 7 | digest[-1] & 0x7F
    return Question(
        address=address,
        kind=str(asked["Type"]),
        operation=str(asked["OperationId"]),
        begins=int(asked["NbfUTC"]),
        ends=int(asked["ExpUTC"]),
        assignee=tuple(str(one) for one in asked.get("Assignee") or ()),
        client=str(client["ClientName"]),
        host=str(client["HostName"]),
        callback=str(client["Callback"]),
        back=str(client.get("RedirectURI") or ""),
        sha256=base64.b64decode(data["FingerPrint"], validate=True) if data else None,
        code=f"{code:04d}",
    )
