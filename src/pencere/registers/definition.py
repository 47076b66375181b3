"""What a register is, as its YAML file says. Form: docs/specs/registers.md, section 2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from jsonschema import Draft202012Validator, FormatChecker

from pencere.countries import Country
from pencere.kernel.canonical import sha256_of
from pencere.kernel.datafile import Node
from pencere.kernel.errors import Invalid, Misconfigured
from pencere.kernel.text import Text
from pencere.registers.events import EventRule, read_events
from pencere.registers.likeness import Likeness, read_likeness
from pencere.registers.masks import Masks, read_masks
from pencere.registers.numbering import Numbering
from pencere.registers.steps import Step, read_steps

KeyKind = Literal["unique", "forever", "lookup", "blocking"]
KEY_KINDS: tuple[KeyKind, ...] = ("unique", "forever", "lookup", "blocking")


@dataclass(frozen=True, slots=True)
class Part:
    """One field's share in a key: all of it, its first letters, or its consonants."""

    field: str
    take: int | None = None
    consonants: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A way to find records.

    `unique`: among the records in force one has the value. `forever`: no other record ever has
    it, annulled ones included. `lookup`: many may. `blocking`: folded, for finding doubles.
    `is_person`: the value is a personal number, and whoever asks by it asks about that person.
    """

    name: str
    number: int
    kind: KeyKind
    parts: tuple[Part, ...]
    is_person: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields the value is made of."""
        return tuple(part.field for part in self.parts)


@dataclass(frozen=True, slots=True)
class Writer:
    """A client that may write, and for which purposes."""

    client: str
    purposes: frozenset[str]


@dataclass(frozen=True)
class Definition:
    """One register. `code` is `subsystem/register`; `sha256` is over the whole definition."""

    code: str
    version: int
    owner: str
    names: Text
    basis: tuple[str, ...]
    subject: str | None
    retention_years: int
    retention_provisional: bool
    schema: Mapping[str, object]
    keys: Mapping[str, Key]
    numbering: Numbering | None
    disclosure: Mapping[str, tuple[str, ...]]
    writers: tuple[Writer, ...]
    content: Mapping[str, object]
    sha256: bytes
    file: Path
    events: tuple[EventRule, ...] = ()
    move: tuple[Step, ...] = ()
    masks: Masks = field(default_factory=dict)
    # For which a writer may merge records, with a second person.
    merging: frozenset[str] = frozenset()
    likeness: Likeness | None = None
    # For which clerks of the owner look at records at the office's desk.
    clerks: tuple[str, ...] = ()
    # What a sealed extract of a record shows; none, no extracts.
    extract: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields of a record, in the order people see them."""
        properties = self.schema.get("properties")
        return tuple(properties) if isinstance(properties, Mapping) else ()

    @cached_property
    def enforced(self) -> frozenset[int]:
        """The numbers of the keys whose values no two records may have at once."""
        return frozenset(
            key.number for key in self.keys.values() if key.kind in {"unique", "forever"}
        )

    @cached_property
    def validator(self) -> Draft202012Validator:
        """The compiled schema; dates are checked as dates."""
        return Draft202012Validator(self.schema, format_checker=FormatChecker(["date"]))

    def may_write(self, client: str, purpose: str) -> bool:
        """Say whether `client` may write for `purpose`."""
        return any(
            writer.client == client and purpose in writer.purposes for writer in self.writers
        )

    def may_merge(self, client: str, purpose: str) -> bool:
        """Say whether `client` may propose and decide for `purpose` that records are one."""
        return purpose in self.merging and self.may_write(client, purpose)


def read_definition(path: Path) -> Definition:
    """Read one file; its form is checked here, its sense by `pencere.registers.lint`.

    Raises:
        Misconfigured: with file, key, value and a valid example.
    """
    top = Node.of_file(path)
    schema = top.child("data").values
    content = {str(key): value for key, value in top.values.items()}
    try:
        digest = sha256_of(content)
    except Invalid as error:
        raise Misconfigured(
            file=path,
            key="(file)",
            value="a value that JSON does not have, such as a date without quotes",
            example='"2026-01-31"',
        ) from error
    return Definition(
        code=top.string("register", "population/person"),
        version=_whole_number(top, "version", 1),
        owner=top.string("owner", "a body of bodies.yaml"),
        names=top.text("names"),
        basis=top.strings("basis", ("an-act-of-acts-yaml",)),
        subject=top.string("subject", "fin") if top.has("subject") else None,
        retention_years=_whole_number(top.child("retention"), "years", 75),
        retention_provisional=top.child("retention").values.get("provisional") is True,
        schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **{str(key): value for key, value in schema.items()},
        },
        keys=_keys(top),
        numbering=_numbering(top),
        disclosure=MappingProxyType(
            {
                str(purpose): top.child("disclosure").strings(str(purpose), ("fin", "name"))
                for purpose in top.child("disclosure").values
            }
        ),
        writers=_writers(top),
        content=content,
        sha256=digest,
        file=path,
        events=read_events(top, _names(schema)),
        masks=read_masks(top),
        merging=frozenset(top.strings("merging", ("issue",))),
        likeness=read_likeness(top),
        move=_move(top),
        clerks=top.strings("clerks", ("issue",)) if top.has("clerks") else (),
        extract=top.strings("extract", ("number",)) if top.has("extract") else (),
    )


def _move(top: Node) -> tuple[Step, ...]:
    try:
        return read_steps(top.values.get("move"))
    except Invalid as error:
        raise top.wrong("move", [{"rename": "gear", "to": "tool"}]) from error


def _names(schema: Mapping[object, object]) -> tuple[str, ...]:
    properties = schema.get("properties")
    return tuple(str(name) for name in properties) if isinstance(properties, Mapping) else ()


def register_files(country: Country) -> list[Path]:
    """Return the definition files of a country, in the order of their names."""
    return sorted((country.folder / "registers").glob("*/*.yaml"))


def _whole_number(node: Node, key: str, example: int) -> int:
    value = node.values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise node.wrong(key, example)
    return value


def _keys(top: Node) -> Mapping[str, Key]:
    found = {}
    for number, (name, node) in enumerate(top.children("keys").items(), start=1):
        kind = node.string("kind", "lookup")
        if kind not in KEY_KINDS:
            raise node.wrong("kind", "lookup")
        parts = tuple(Part(field) for field in node.strings("fields", ("fin",)))
        found[name] = Key(
            name=name,
            number=number,
            kind=kind,
            parts=parts or _parts(node),
            is_person=node.values.get("person") is True,
        )
    return MappingProxyType(found)


def _parts(node: Node) -> tuple[Part, ...]:
    example = [{"field": "family", "take": 4}]
    given = node.values.get("parts")
    if not isinstance(given, list) or not given:
        raise node.wrong("parts", example)
    parts = []
    for values in given:
        part = Node(node.file, node.at("parts"), values)
        take = _whole_number(part, "take", 4) if part.has("take") else None
        consonants = part.string_or("letters", "all") == "consonants"
        parts.append(Part(part.string("field", "family"), take, consonants))
    return tuple(parts)


def _numbering(top: Node) -> Numbering | None:
    if not top.has("numbering"):
        return None
    node = top.child("numbering")
    try:
        return Numbering(
            field=node.string("field", "number"),
            letters=_whole_number(node, "letters", 2),
            digits=_whole_number(node, "digits", 6),
            separator=str(node.values.get("separator", "")),
            alphabet=node.string("alphabet", "ABCDEFGH"),
            first=node.string("first", "AA 000001"),
        )
    except Invalid as error:
        raise node.wrong("first", "AA 000001") from error


def _writers(top: Node) -> tuple[Writer, ...]:
    given = top.values.get("writers")
    if not isinstance(given, list):
        raise top.wrong(
            "writers", [{"client": "INSTANCE/CLASS/body/system", "purposes": ["issue"]}]
        )
    found = []
    for number, values in enumerate(given):
        node = Node(top.file, f"writers[{number}]", values)
        found.append(
            Writer(
                node.string("client", "INSTANCE/CLASS/body/system"),
                frozenset(node.strings("purposes", ("issue",))),
            )
        )
    return tuple(found)
