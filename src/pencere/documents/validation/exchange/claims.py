"""What an evidence container claims, read strictly; nothing is believed yet.

The gateway's own code is not used: whoever verifies works from the specifications alone
(docs/specs/evidence.md, evidence-container.md).
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pencere.kernel.errors import Invalid

FORMAT = "pencere-exchange-container/1"
ABOUT = "about.json"
MANIFEST = "manifest.json"
PARTS = ("request", "response")
_LINES = (
    "form", "kind", "exchange", "signer", "receiver", "certificate", "time", "head", "body",
    "request",
)  # fmt: skip
_DOMAINS = {"pencere-exchange-evidence/1": "single", "pencere-exchange-evidence/2": "batch"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NAME = re.compile(r"[!-~]{1,400}")
_DECIMAL = re.compile(r"0|[1-9]\d{0,9}")


def malformed(reason: str) -> Invalid:
    """Return that the container does not say what it must."""
    return Invalid("exchange.malformed", reason=reason)


@dataclass(frozen=True)
class Evidence:
    """The evidence section. `signature` is over the statement or, in a batch, over its root."""

    time: str
    certificate: str
    signature: bytes
    size: int = 1
    index: int = 0
    path: tuple[bytes, ...] | None = None  # None: form `single`


@dataclass(frozen=True)
class Claim:
    """One message: what its statement says, and the parts that are in the container."""

    text: bytes
    facts: Mapping[str, str]
    section: bytes
    evidence: Evidence
    head: bytes | None
    body: bytes | None
    has_body: bool

    @property
    def at(self) -> datetime:
        """When it says it was signed."""
        return datetime.fromisoformat(self.facts["time"])


@dataclass(frozen=True)
class Container:
    """A whole container, as claimed. `files` are all of it."""

    files: Mapping[str, bytes]
    about: Mapping[str, Any]
    request: Claim
    response: Claim | None

    def file(self, name: object) -> bytes:
        """Return a file that `about.json` names.

        Raises:
            Invalid: `exchange.malformed`.
        """
        if not isinstance(name, str) or name not in self.files:
            raise malformed("a file that is not there")
        return self.files[name]

    def listed(self, key: str) -> tuple[bytes, ...]:
        """Return the files of a list of `about.json`."""
        names = self.about.get(key)
        if not isinstance(names, list):
            raise malformed(key)
        return tuple(self.file(one) for one in names)


def read(files: Mapping[str, bytes]) -> Container:
    """Read the files of a container.

    Raises:
        Invalid: `exchange.malformed`.
    """
    try:
        about = json.loads(files[ABOUT], object_pairs_hook=_once)
    except (KeyError, ValueError, RecursionError) as error:
        raise malformed(ABOUT) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise malformed("format")
    request = _claim(files, about, "request")
    if request is None:
        raise malformed("no request")
    return Container(files, about, request, _claim(files, about, "response"))


def is_evidence(files: Mapping[str, bytes]) -> bool:
    """Say whether files are those of an evidence container, right or wrong."""
    return ABOUT in files and b"pencere-exchange-container/" in files[ABOUT]


def is_manifest(files: Mapping[str, bytes]) -> bool:
    """Say whether files are those of a manifest of an archive, right or wrong."""
    return MANIFEST in files and b"pencere-archive-manifest/" in files[MANIFEST]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _claim(files: Mapping[str, bytes], about: Mapping[str, Any], part: str) -> Claim | None:
    given = about.get(part)
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed(part)
    container = {name: given.get(name) for name in ("statement", "evidence", "head", "body")}
    wanted = {"statement": f"{part}/statement.txt", "evidence": f"{part}/evidence.txt"}
    if any(container[name] != file or file not in files for name, file in wanted.items()):
        raise malformed(f"{part} statement")
    for name in ("head", "body"):
        there = f"{part}/{name}" in files
        if container[name] != (f"{part}/{name}" if there else None):
            raise malformed(f"{part} {name}")
    text, section = files[wanted["statement"]], files[wanted["evidence"]]
    facts = parse_statement(text)
    if facts["kind"] != part:
        raise malformed("kind")
    evidence = parse_evidence(section, facts["form"])
    if (evidence.time, evidence.certificate) != (facts["time"], facts["certificate"]):
        raise malformed("evidence of another statement")
    return Claim(
        text,
        facts,
        section,
        evidence,
        files.get(f"{part}/head"),
        files.get(f"{part}/body"),
        facts["body"] != "-",
    )


def parse_statement(text: bytes) -> dict[str, str]:
    """Read a statement.

    Raises:
        Invalid: `exchange.malformed`.
    """
    try:
        domain, *lines = text.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise malformed("statement") from error
    if domain not in _DOMAINS or len(lines) != len(_LINES) + 1 or lines[-1]:
        raise malformed("statement")
    facts: dict[str, str] = {}
    for name, line in zip(_LINES, lines, strict=False):
        found, _, value = line.partition(": ")
        if found != name:
            raise malformed("statement")
        facts[name] = value
    names = ("exchange", "signer", "receiver")
    is_right = (
        facts["form"] == _DOMAINS[domain]
        and all(_NAME.fullmatch(facts[one]) for one in names)
        and _TIME.fullmatch(facts["time"]) is not None
        and _is_hex(facts["certificate"], 32)
        and _is_hex(facts["head"], 64)
        and (facts["body"] == "-" or _is_hex(facts["body"], 64))
        and (facts["request"] == "-" or _is_hex(facts["request"], 32))
        and (facts["request"] == "-") is (facts["kind"] == "request")
    )
    if not is_right:
        raise malformed("statement")
    try:
        datetime.fromisoformat(facts["time"])
    except ValueError as error:
        raise malformed("time") from error
    return facts


def parse_evidence(section: bytes, form: str) -> Evidence:
    """Read an evidence section.

    Raises:
        Invalid: `exchange.malformed`.
    """
    try:
        given, *words = section.decode("ascii").split(" ")
        if given != form:
            raise malformed("evidence")
        if form == "single":
            time, certificate, signature = words
            return Evidence(time, certificate, _of_base64(signature))
        time, certificate, size, index, path, signature = words
        if not _DECIMAL.fullmatch(size) or not _DECIMAL.fullmatch(index):
            raise malformed("evidence")
        joined = b"" if path == "-" else _of_base64(path)
        if len(joined) % 32 or len(joined) > 64 * 32:
            raise malformed("evidence")
        parts = tuple(joined[at : at + 32] for at in range(0, len(joined), 32))
        return Evidence(time, certificate, _of_base64(signature), int(size), int(index), parts)
    except ValueError as error:
        raise malformed("evidence") from error


def batch_text(claim: Claim, root: bytes) -> bytes:
    """Return what the signature of a batch is over."""
    return (
        f"pencere-exchange-batch/1\nsigner: {claim.facts['signer']}\n"
        f"certificate: {claim.facts['certificate']}\nsize: {claim.evidence.size}\n"
        f"root: {root.hex()}\ntime: {claim.facts['time']}\n"
    ).encode("ascii")


def path_of(given: object) -> tuple[bytes, ...]:
    """Read an audit path: hashes in Base64, from the leaf upwards.

    Raises:
        Invalid: `exchange.malformed`.
    """
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise malformed("path")
    try:
        return tuple(_of_base64(one) for one in given)
    except ValueError as error:
        raise malformed("path") from error


def _is_hex(text: str, octets: int) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{2 * octets}}}", text) is not None


def _of_base64(text: str) -> bytes:
    """Decode; written in another way than the usual one is refused."""
    found = base64.b64decode(text, validate=True)
    if not found or base64.b64encode(found).decode("ascii") != text:
        raise malformed("base64")
    return found
