"""The law of a country at work: rule functions by name over dated parameters.

A rule is a pure function in `countries/<country>/law/*.py`:

    @rule("duty.driving_licence.replace")
    def replace(law: Reading) -> list[Line]:
        return [law.charge("duty.driving_licence.issue")]

It sees facts and parameters through `Reading` only, so the trace knows everything it saw.
"""

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, ModuleType

from pencere.kernel.errors import Conflict, Invalid, Misconfigured, Missing
from pencere.kernel.money import Qepik
from pencere.kernel.text import Text
from pencere.rules.parameters import Parameter, Row, Value, load_parameters
from pencere.rules.trace import Figure, Line, Step, Trace

RuleFunction = Callable[["Reading"], Sequence[Line]]

_NAME = "__pencere_rule__"


def rule(name: str) -> Callable[[RuleFunction], RuleFunction]:
    """Give a function the name by which services call it."""

    def mark(function: RuleFunction) -> RuleFunction:
        setattr(function, _NAME, name)
        return function

    return mark


@dataclass(slots=True)
class Reading:
    """What a rule may see. Everything read is noted."""

    parameters: Mapping[str, Parameter]
    facts: Mapping[str, object]
    on: date
    given: dict[str, object] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def fact(self, path: str) -> object:
        """Return the fact at a dotted path, `answers.reason`; None when absent."""
        if path not in self.given:
            value: object = self.facts
            for part in path.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            self.given[path] = value
        return self.given[path]

    def value(self, key: str, part: str | None = None) -> Value:
        """Return a parameter as it is in force on the day.

        Raises:
            Missing: `parameter.unknown`, `parameter.not_in_force`, `parameter.part_unknown`.
        """
        return self._read(key, part)[1]

    def charge(self, key: str, part: str | None = None, *, times: int = 1) -> Line:
        """Return an item of a sum: a parameter in qəpik, so many times.

        Raises:
            Missing: as `value`.
            Invalid: `parameter.not_money`.
        """
        row, value = self._read(key, part)
        parameter = self.parameters[key]
        if parameter.unit != "qepik" or not isinstance(value, int):
            raise Invalid("parameter.not_money", parameter=key)
        amount = Qepik(value * times)
        return Line(parameter.names, amount, row.act, row.article, row.provisional)

    def share(self, name: Text, base: Qepik, key: str, part: str | None = None) -> Line:
        """Return an item that is a rate of a sum, rounded half up to the qəpik."""
        row, value = self._read(key, part)
        exact = Decimal(base) * Decimal(value)
        amount = Qepik(int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)))
        return Line(name, amount, row.act, row.article, row.provisional)

    def _read(self, key: str, part: str | None) -> tuple[Row, Value]:
        parameter = self.parameters.get(key)
        if parameter is None:
            raise Missing("parameter.unknown", parameter=key)
        row = parameter.on(self.on)
        value = row.value
        if isinstance(value, Mapping):
            if part is None or part not in value:
                raise Missing("parameter.part_unknown", parameter=key, part=str(part))
            value = value[part]
        elif part is not None:
            raise Missing("parameter.part_unknown", parameter=key, part=part)
        self.steps.append(
            Step(key, part, value, row.start, row.act, row.article, row.source, row.provisional)
        )
        return row, value


@dataclass(frozen=True)
class Law:
    """The rules and parameters of one country."""

    parameters: Mapping[str, Parameter]
    rules: Mapping[str, RuleFunction]

    @staticmethod
    def load(folder: Path, acts: frozenset[str]) -> "Law":
        """Read `<folder>/parameters/*.yaml` and the rule functions of `<folder>/*.py`.

        Raises:
            Misconfigured: a parameter is wrong, two rules have one name, a module fails.
        """
        return _load(folder, acts)

    def compute(self, name: str, facts: Mapping[str, object], on: date) -> Figure:
        """Apply a rule to facts on a day.

        Raises:
            Missing: `rule.unknown`, or a parameter has no value for that day.
        """
        function = self.rules.get(name)
        if function is None:
            raise Missing("rule.unknown", rule=name)
        reading = Reading(self.parameters, facts, on)
        lines = tuple(function(reading))
        amount = Qepik(sum(line.amount for line in lines))
        trace = Trace(name, on, MappingProxyType(reading.given), tuple(reading.steps), amount)
        return Figure(amount, lines, trace)

    def replay(self, trace: Trace) -> Figure:
        """Compute the figure of a trace again.

        Raises:
            Conflict: `rule.replay_differs`: the law as we hold it now gives another result.
        """
        facts: dict[str, object] = {}
        for path, value in trace.given.items():
            *parents, last = path.split(".")
            place: dict[str, object] = facts
            for parent in parents:
                inner = place.setdefault(parent, {})
                if not isinstance(inner, dict):
                    raise Invalid("trace.corrupt")
                place = inner
            place[last] = value
        figure = self.compute(trace.rule, facts, trace.on)
        if (figure.amount, figure.trace.steps) != (trace.amount, trace.steps):
            raise Conflict(
                "rule.replay_differs", rule=trace.rule, was=trace.amount, now=figure.amount
            )
        return figure

    def overlay(self, rows: Mapping[str, Row]) -> "Law":
        """Return the law as a reform would have it: each row rules from its day on."""
        changed = dict(self.parameters)
        for key, row in rows.items():
            if key not in changed:
                raise Missing("parameter.unknown", parameter=key)
            kept = tuple(
                replace(old, until=_day_before(row.start))
                if old.until is None or old.until >= row.start
                else old
                for old in changed[key].rows
                if old.start < row.start
            )
            changed[key] = replace(changed[key], rows=(*kept, row))
        return replace(self, parameters=MappingProxyType(changed))


def _day_before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


@lru_cache(maxsize=8)
def _load(folder: Path, acts: frozenset[str]) -> Law:
    rules: dict[str, RuleFunction] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name == "__init__.py":
            continue
        for function in vars(_module(path)).values():
            name = getattr(function, _NAME, None)
            if name is None:
                continue
            if name in rules:
                raise Misconfigured(
                    file=path, key="rule", value=name, example="a name no other rule has"
                )
            rules[name] = function
    return Law(load_parameters(folder / "parameters", acts), MappingProxyType(rules))


def _module(path: Path) -> ModuleType:
    name = f"pencere_law.{path.parent.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Misconfigured(file=path, key="(file)", value="no module", example="duties.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise Misconfigured(
            file=path, key="(file)", value=repr(error), example="a module of rule functions"
        ) from error
    return module
