"""OpenAPI documents of services: what a body hands in is checked, and what a page says of it.

OpenAPI 3.0 and 3.1. Nothing here follows a `$ref`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from pencere.kernel.errors import Invalid
from pencere.web.stateregister.domain.plain_yaml import read_plain
from pencere.web.stateregister.domain.reading import document

LARGEST = 2 * 1024 * 1024
METHODS = ("get", "post", "put", "patch", "delete", "head")
MOST_OPERATIONS = 500
LONGEST = 200  # signs of a title or a summary that pages show
KEPT = 256  # documents whose summaries stay in memory

_VERSION = re.compile(r"3\.[01]\.[0-9]{1,3}(-[0-9A-Za-z.-]{1,20})?")
_PATH = re.compile(r"/[^\s\x00-\x1f\x7f\ud800-\udfff]{0,299}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `path` is as the document writes it, `/courses/{id}`."""

    method: str
    path: str
    summary: str


@dataclass(frozen=True, slots=True)
class ServiceDocument:
    """What pages say of a document."""

    title: str
    version: str
    operations: tuple[Operation, ...]

    @property
    def endpoints(self) -> list[list[str]]:
        """The operations as nodes match them: a parameter of a path is any segment."""
        pairs = ([one.method, re.sub(r"\{[^}/]*\}", "*", one.path)] for one in self.operations)
        return [list(pair) for pair in dict.fromkeys(map(tuple, pairs))]


def read_document(data: bytes) -> ServiceDocument:
    """Read a document as somebody hands it in.

    Raises:
        Invalid: `stateregister.openapi` (no JSON or YAML mapping, a key twice),
            `stateregister.openapi_size`, `stateregister.openapi_yaml` (an alias, a tag, too deep),
            `stateregister.openapi_version`, `stateregister.openapi_paths`.
    """
    if len(data) > LARGEST:
        raise Invalid("stateregister.openapi_size")
    try:
        text = data.decode("utf-8-sig")
        is_json = text.lstrip().startswith("{")
        said = json.loads(text, object_pairs_hook=_unique) if is_json else read_plain(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise Invalid("stateregister.openapi") from error
    if not isinstance(said, dict):
        raise Invalid("stateregister.openapi")
    version = said.get("openapi")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise Invalid("stateregister.openapi_version")
    operations = tuple(_operations(said.get("paths")))
    if not 0 < len(operations) <= MOST_OPERATIONS:
        raise Invalid("stateregister.openapi_paths")
    info = said.get("info")
    about = info if isinstance(info, dict) else {}
    return ServiceDocument(_shown(about.get("title")), _shown(about.get("version")), operations)


def media_type(data: bytes) -> str:
    """Return by which type a document that was read is given out."""
    is_json = data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    return "application/json" if is_json else "application/yaml"


@lru_cache(maxsize=KEPT)
def document_of(sha256: str) -> ServiceDocument:
    """Return what a page says of a document that the register keeps; a digest never changes.

    Raises:
        Missing: `stateregister.no_document`.
        Invalid: as `read_document`: it was kept before the check was as strict.
    """
    return read_document(bytes(document(bytes.fromhex(sha256)).content))


def _operations(paths: object) -> Iterator[Operation]:
    """Give the operations; the path of each must be one that an address can have."""
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if str(path).startswith("x-") or not isinstance(item, dict):
            continue
        if not _PATH.fullmatch(str(path)):
            raise Invalid("stateregister.openapi_paths")
        for method, operation in item.items():
            if str(method).lower() in METHODS:
                said = operation if isinstance(operation, dict) else {}
                yield Operation(str(method).upper(), str(path), _shown(said.get("summary")))


def _shown(value: object) -> str:
    """Return a text in one line, without signs that nobody sees or that turn the line around."""
    said = str(value) if isinstance(value, str | int | float) else ""
    words = "".join(one if one.isprintable() else " " for one in said[: LONGEST * 4])
    return " ".join(words.split())[:LONGEST]


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return a JSON object; of a key that stands twice each reader would take another one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
