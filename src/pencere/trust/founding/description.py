"""The one file of a ceremony: who is there, who approves, which keys, certificates and lists.

What is approved is the SHA-256 of the file's bytes, so everything that will happen can be read
beforehand. An unknown key or value is refused before anything is done.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import yaml

from pencere.kernel.errors import Invalid, Misconfigured
from pencere.trust.algorithms import ALGORITHMS
from pencere.trust.profile import AUTHORITIES, load_profile
from pencere.trust.quorum import Approver, Operation, Rule

KIND = "ceremony"
STORES = ("root", "centre")
LARGEST = 262_144
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


@dataclass(frozen=True)
class Store:
    """Where keys are kept. `library` and `token` are None for files under a passphrase."""

    library: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class Key:
    """A key that must be there afterwards."""

    name: str
    store: str
    algorithm: str


@dataclass(frozen=True)
class Certificate:
    """A certificate that must be there afterwards. `days` None: as long as the profile says."""

    key: str
    profile: str
    issuer: str
    days: int | None = None


@dataclass(frozen=True)
class Description:
    """A ceremony as it will be held. `content` is the file's bytes."""

    content: bytes
    title: str
    installation: str
    not_before: datetime
    not_after: datetime
    people: tuple[tuple[str, str], ...]
    rule: Rule
    stores: dict[str, Store]
    keys: tuple[Key, ...]
    certificates: tuple[Certificate, ...]
    lists: tuple[str, ...]

    @property
    def sha256(self) -> bytes:
        """Digest of the file."""
        return hashlib.sha256(self.content).digest()

    @property
    def operation(self) -> Operation:
        """What the approvers sign."""
        return Operation(KIND, self.sha256, self.installation, self.not_before, self.not_after)

    @property
    def needs_root(self) -> bool:
        """Whether the root's key must be opened."""
        return "root" in self.lists or any(one.issuer == "root" for one in self.certificates)

    @classmethod
    def parse(cls, content: bytes, file: object = "ceremony.yaml") -> Self:
        """Read a description.

        Raises:
            Misconfigured: names the file, the key, the value and a valid example.
        """
        if len(content) > LARGEST:
            raise Misconfigured(file=file, key="size", value=len(content), example=str(LARGEST))
        try:
            given = yaml.safe_load(content)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise Misconfigured(
                file=file, key="YAML", value=type(error).__name__, example="ceremony: title"
            ) from error
        return cls(content=content, **_Reader(file).read(given))

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a description from its file."""
        try:
            return cls.parse(file.read_bytes(), file)
        except OSError as error:
            raise Misconfigured(
                file=file, key="file", value=error.strerror, example="ceremony.yaml"
            ) from error


class _Reader:
    """Turns what YAML gave into the parts of a description."""

    EXAMPLES = {
        "ceremony": "Founding of the national certification centre",
        "installation": "what `pencere ca ceremony --draft` writes",
        "valid": "{from: 2026-11-22T09:00:00Z, until: 2026-11-23T09:00:00Z}",
        "people": "- {name: ..., duty: ...}",
        "quorum": "{needed: 2, approvers: [{name: a-quliyeva, key: PEM}, ...]}",
        "stores": "{root: {kind: software}, centre: {kind: software}}",
        "keys": "- {name: root, store: root, algorithm: P-384}",
        "certificates": "- {key: root, profile: root, issuer: root}",
        "lists": "[root]",
    }

    def __init__(self, file: object) -> None:
        self._file = file

    def read(self, given: object) -> dict[str, Any]:
        """Return the parts; a part that is missing, unknown or wrong is Misconfigured."""
        if not isinstance(given, dict) or set(given) != set(self.EXAMPLES):
            found = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
            raise self._wrong("keys", found, ", ".join(self.EXAMPLES))
        parts: dict[str, Any] = {}
        for key, read in (
            ("ceremony", self._title),
            ("installation", self._installation),
            ("valid", self._valid),
            ("people", self._people),
            ("quorum", self._quorum),
            ("stores", self._stores),
            ("keys", self._keys),
            ("certificates", self._certificates),
            ("lists", self._lists),
        ):
            try:
                parts |= read(given[key])
            except (KeyError, TypeError, ValueError, AttributeError, Invalid) as error:
                raise self._wrong(key, f"{type(error).__name__}: {error}"[:200]) from error
        self._agree(parts)
        return parts

    def _wrong(self, key: str, value: object, example: str | None = None) -> Misconfigured:
        return Misconfigured(
            file=self._file, key=key, value=value, example=example or self.EXAMPLES[key]
        )

    def _title(self, given: object) -> dict[str, Any]:
        return {"title": _text(given)}

    def _installation(self, given: object) -> dict[str, Any]:
        return {"installation": _text(given)}

    def _valid(self, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, {"from", "until"})
        return {"not_before": _instant(given["from"]), "not_after": _instant(given["until"])}

    def _people(self, given: list[dict[str, Any]]) -> dict[str, Any]:
        for one in given:
            _only(one, {"name", "duty"})
        return {"people": tuple((_text(one["name"]), _text(one["duty"])) for one in given)}

    def _quorum(self, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, {"needed", "approvers"})
        for one in given["approvers"]:
            _only(one, {"name", "key"})
        approvers = tuple(
            Approver.read(_text(one["name"]), one["key"]) for one in given["approvers"]
        )
        return {"rule": Rule(int(given["needed"]), approvers)}

    def _stores(self, given: dict[str, dict[str, Any]]) -> dict[str, Any]:
        _only(given, set(STORES))
        found = {}
        for name, one in given.items():
            if one["kind"] == "software":
                _only(one, {"kind"})
                found[name] = Store()
            elif one["kind"] == "token":
                _only(one, {"kind", "library", "token"})
                found[name] = Store(_text(one["library"]), _text(one["token"]))
            else:
                raise ValueError(one["kind"])
        return {"stores": found}

    def _keys(self, given: list[dict[str, Any]]) -> dict[str, Any]:
        for one in given:
            _only(one, {"name", "store", "algorithm"})
            if one["store"] not in STORES or one["algorithm"] not in ALGORITHMS:
                raise ValueError(one)
            if not _NAME.fullmatch(one["name"]) or (one["name"] == "root") != (
                one["store"] == "root"
            ):
                raise ValueError(one)
        return {"keys": tuple(Key(**one) for one in given)}

    def _certificates(self, given: list[dict[str, Any]]) -> dict[str, Any]:
        found = tuple(Certificate(**one) for one in given)
        for one in found:
            profile = load_profile(one.profile)
            issuers = {"self": (one.key,), "any": AUTHORITIES}.get(
                profile.issuer, (profile.issuer,)
            )
            if one.issuer not in issuers or not 1 <= (one.days or 1) <= profile.days:
                raise ValueError(one)
        return {"certificates": found}

    def _lists(self, given: list[str]) -> dict[str, Any]:
        if not set(given) <= set(AUTHORITIES):
            raise ValueError(given)
        return {"lists": tuple(given)}

    def _agree(self, parts: dict[str, Any]) -> None:
        names = [one.name for one in parts["keys"]]
        if len(set(names)) != len(names):
            raise self._wrong("keys", "a name stands there twice")
        for one in parts["certificates"]:
            if one.key not in names:
                raise self._wrong("certificates", one.key, "a name that stands under keys")


def _only(given: object, allowed: set[str]) -> None:
    if not isinstance(given, dict):
        raise TypeError(type(given).__name__)
    if set(given) != allowed:
        raise ValueError(f"{sorted(map(str, given))} instead of {sorted(allowed)}")


def _text(given: object) -> str:
    if not isinstance(given, str) or not 1 <= len(given) <= 300:
        raise ValueError(given)
    return given


def _instant(given: object) -> datetime:
    found = datetime.fromisoformat(given) if isinstance(given, str) else given
    if not isinstance(found, datetime):
        raise TypeError(given)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
