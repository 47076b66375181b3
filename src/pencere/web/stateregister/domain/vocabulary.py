"""Concepts, code lists and approvers of the register: data of the country, read once a process."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pencere.countries.country import Country
from pencere.kernel.alphabet import fold
from pencere.kernel.datafile import Node
from pencere.kernel.text import Text
from pencere.web.country import country

CLASSES = ("none", "ordinary", "special", "biometric")
# When an approver or a duty is needed: always, or where data of persons is kept.
CONDITIONS = ("always", "personal")


@dataclass(frozen=True, slots=True)
class Concept:
    """What a field is about. `folded` are its names, folded, by which people may call it."""

    id: str
    names: Text
    personal: str
    folded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Approver:
    """A role that approves, the body it acts for, and when it is needed."""

    role: str
    names: Text
    body: str
    when: str
    is_provisional: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A periodic duty: every so many months."""

    kind: str
    months: int
    when: str


@dataclass(frozen=True)
class Vocabulary:
    """All of it, by id, in the order of the files."""

    concepts: Mapping[str, Concept]
    codes: Mapping[str, Mapping[str, Text]]
    approvers: Mapping[str, Approver]
    checks: Mapping[str, Check]
    remind: tuple[int, ...]
    keys: frozenset[str]
    private_mail: frozenset[str]
    fields: Mapping[str, Mapping[str, str]]
    founding: Mapping[str, Node]

    def word(self, area: str, code: str) -> Text:
        """Return a code's words; one that the list no longer has is shown as it is."""
        found = self.codes.get(area, {}).get(code)
        return found or Text(code or "-", code or "-", code or "-")


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of this installation's country."""
    return read(country())


def read(of: Country) -> Vocabulary:
    """Read both files; what one entry names in another must exist.

    Raises:
        Misconfigured: file, key, value and a valid example.
    """
    concepts = {
        key: _concept(key, node)
        for key, node in Node.of_file(of.folder / "concepts.yaml").children("concepts").items()
    }
    top = Node.of_file(of.folder / "state_register.yaml")
    approvers = {}
    for role, node in top.children("approvers").items():
        if node.string("body") not in of.bodies:
            raise node.wrong("body", next(iter(of.bodies)))
        provisional = node.values.get("provisional") is True
        body, when = node.string("body"), _when(node)
        approvers[role] = Approver(role, node.own_text(), body, when, provisional)
    codes = {
        area: {str(key): node.child(key).own_text() for key in node.values}
        for area, node in top.children("codes").items()
    }
    checks = {}
    for kind, node in top.children("duties").items():
        months = node.values.get("months")
        if not isinstance(months, int) or months < 1 or kind not in codes["duty"]:
            raise node.wrong("months", 12)
        checks[kind] = Check(kind, months, _when(node))
    fields = {
        register: {str(name): str(concept) for name, concept in node.values.items()}
        for register, node in top.children("fields").items()
    }
    for register, named in fields.items():
        for name, concept in named.items():
            if concept not in concepts:
                raise top.child("fields").child(register).wrong(name, next(iter(concepts)))
    remind = top.values.get("remind")
    if not isinstance(remind, list) or not all(isinstance(day, int) for day in remind):
        raise top.wrong("remind", [30, 7, 0])
    return Vocabulary(
        concepts=concepts,
        codes=codes,
        approvers=approvers,
        checks=checks,
        remind=tuple(remind),
        keys=frozenset(top.strings("keys", ("person-number",))),
        private_mail=frozenset(top.strings("private_mail", ("mail.example",))),
        fields=fields,
        founding=top.children("systems"),
    )


def _concept(key: str, node: Node) -> Concept:
    names = node.own_text()
    personal = node.string("personal", "ordinary")
    if personal not in CLASSES:
        raise node.wrong("personal", "ordinary")
    called = (*names.as_mapping().values(), *node.strings("also", ("fin",)))
    return Concept(key, names, personal, frozenset(fold(name) for name in called))


def _when(node: Node) -> str:
    when = node.string("when", "always")
    if when not in CONDITIONS:
        raise node.wrong("when", "personal")
    return when
