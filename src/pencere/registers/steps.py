"""How data of one version of a definition becomes data of the next, and back for old readers.

move:
  - {rename: gear, to: tool}
  - {remove: secret}
  - {set: kind, value: sea}            # where it is absent
  - {map: tool, values: {rod: line}}   # other values stay
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pencere.kernel.errors import Invalid

Kind = Literal["rename", "remove", "set", "map"]
KINDS: Mapping[Kind, frozenset[str]] = {
    "rename": frozenset({"rename", "to"}),
    "remove": frozenset({"remove"}),
    "set": frozenset({"set", "value"}),
    "map": frozenset({"map", "values"}),
}


@dataclass(frozen=True)
class Step:
    """One change of a field. `given`: the new name, the value, or old to new values."""

    kind: Kind
    field: str
    given: object = None

    def forward(self, data: dict[str, object]) -> None:
        """Change data of the older form."""
        if self.kind == "set":
            data.setdefault(self.field, self.given)
        elif self.field in data:
            value = data.pop(self.field)
            if self.kind == "rename":
                data[str(self.given)] = value
            elif self.kind == "map":
                data[self.field] = _mapped(self.given, value)

    def backward(self, data: dict[str, object]) -> None:
        """Give data of the newer form the older one; what was removed stays away."""
        if self.kind == "rename" and str(self.given) in data:
            data[self.field] = data.pop(str(self.given))
        elif self.kind == "set":
            data.pop(self.field, None)
        elif self.kind == "map" and self.field in data:
            assert isinstance(self.given, Mapping)  # noqa: S101  # as `read_steps` made it
            back: dict[object, object] = {}
            for old, new in self.given.items():
                # Of several old values with one new value the first is told.
                back.setdefault(new, old)
            data[self.field] = _mapped(back, data[self.field])


def _mapped(values: object, value: object) -> object:
    assert isinstance(values, Mapping)  # noqa: S101  # as `read_steps` made it
    return values.get(value, value) if isinstance(value, str) else value


def read_steps(given: object) -> tuple[Step, ...]:
    """Read `move` of a definition's content; absent, there is none.

    Raises:
        Invalid: `move.step` with the number of the step, from 1.
    """
    if given is None:
        return ()
    if not isinstance(given, list):
        raise Invalid("move.step", number=0)
    return tuple(_step(number, each) for number, each in enumerate(given, start=1))


def _step(number: int, given: object) -> Step:
    for kind, keys in KINDS.items():
        if isinstance(given, Mapping) and set(given) == keys and isinstance(given[kind], str):
            value = next((given[key] for key in keys - {kind}), None)
            if kind == "rename" and not isinstance(value, str):
                break
            if kind == "map" and not (
                isinstance(value, Mapping)
                and all(isinstance(one, str) for pair in value.items() for one in pair)
            ):
                break
            return Step(kind, given[kind], value)
    raise Invalid("move.step", number=number)


@dataclass(frozen=True)
class History:
    """The versions of a register's definition: the steps `to` each from the one before.

    `disclosed`: what each version opened to each purpose.
    """

    to: Mapping[int, Sequence[Step]]
    disclosed: Mapping[int, Mapping[str, Sequence[str]]]

    def forward(self, data: Mapping[str, object], version: int) -> dict[str, object]:
        """Return data of the form of `version` in the newest form."""
        moved = dict(data)
        for step in self._steps(version):
            step.forward(moved)
        return moved

    def backward(self, data: Mapping[str, object], version: int) -> dict[str, object]:
        """Return data of the newest form in that of `version`."""
        moved = dict(data)
        for step in reversed(self._steps(version)):
            step.backward(moved)
        return moved

    def names(self, fields: Iterable[str], version: int) -> frozenset[str]:
        """Return the newest names of fields of `version`."""
        names = set(fields)
        for step in self._steps(version):
            if step.field in names and step.kind in {"rename", "remove"}:
                names.remove(step.field)
                names |= {str(step.given)} if step.kind == "rename" else set()
        return frozenset(names)

    def older_names(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the fields with every name they ever had."""
        names = list(fields)
        for step in reversed(self._steps(0)):
            if step.kind == "rename" and step.given in names:
                names.append(step.field)
        return tuple(names)

    def _steps(self, version: int) -> list[Step]:
        return [step for n in sorted(self.to) if n > version for step in self.to[n]]


def history_of(contents: Mapping[int, Mapping[str, object]]) -> History:
    """Return the history that the contents of all versions tell."""
    disclosed: dict[int, Mapping[str, Sequence[str]]] = {}
    for version, content in contents.items():
        given = content.get("disclosure")
        disclosed[version] = given if isinstance(given, Mapping) else {}
    return History(
        {version: read_steps(content.get("move")) for version, content in contents.items()},
        disclosed,
    )
