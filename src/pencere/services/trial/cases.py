"""Running cases.yaml: each case is a story, told and compared with what it expects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import PencereError
from pencere.rules.yamlfile import load_yaml
from pencere.services import forms, schemas
from pencere.services.eligibility import NotEligible
from pencere.services.lints.surroundings import Surroundings
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.services.trial.story import Story, begin

FILE = "cases.yaml"
_OFFICER = "officer-1"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went; `problems` empty: as expected."""

    name: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Everything was as expected."""
        return not self.problems


def run_cases(definition: Definition, around: Surroundings) -> list[CaseResult]:
    """Run every case of the service.

    Raises:
        Misconfigured: cases.yaml is missing or wrong.
    """
    file = definition.folder / FILE
    content = schemas.check(load_yaml(file, example="cases: [...]"), "cases", file)
    cases = content["cases"]
    return [
        _run(definition, around, case, given_of(content, case))
        for case in (cases if isinstance(cases, list) else [])
    ]


def given_of(content: Mapping[str, object], case: Mapping[str, object]) -> dict[str, object]:
    """Return what is given in a case, laid over what the file gives to all."""
    return _merged(_mapping(content, "given"), _mapping(case, "given"))


def _run(
    definition: Definition,
    around: Surroundings,
    case: Mapping[str, object],
    given: Mapping[str, object],
) -> CaseResult:
    try:
        on = date.fromisoformat(str(case["on"]))
        story = begin(definition, around, on, given)
        problems = tuple(_told(story, case, _mapping(given, "answers")))
    except PencereError as error:
        problems = (f"stopped: {error}",)
    except ValueError as error:
        problems = (f"cannot be read: {error}",)
    return CaseResult(str(case["name"]), problems)


def _told(story: Story, case: Mapping[str, object], answers: Mapping[str, object]) -> Iterator[str]:
    expected = _mapping(case, "expect")
    verdict = story.eligible()
    may = not isinstance(verdict, NotEligible)
    if may is not expected.get("eligible", True):
        why = verdict.key if isinstance(verdict, NotEligible) else "nothing stands in the way"
        yield f"eligible: {may} ({why})"
        return
    if isinstance(verdict, NotEligible):
        yield from _differs("instead", expected, verdict.instead)
        return
    errors = story.fill(answers)
    way = [q.id for q in forms.route(story.definition, story.answers, story.context())]
    yield from _differs("asks", expected, way)
    wanted = expected.get("errors", {})
    if errors != wanted:
        yield f"errors: {errors}, expected {wanted}"
    if errors:
        return
    if "fee" in expected:
        amount = story.fee().amount
        yield from _differs("fee", expected, f"{amount // 100}.{amount % 100:02d}")
    story.submit()
    yield from _state_differs(story, expected)
    yield from _may_differs(story, expected)
    steps = case.get("when", [])
    for step in steps if isinstance(steps, list) else []:
        yield from _step(story, step)
    yield from _end_differs(story, _mapping(case, "then"))


def _step(story: Story, step: Mapping[str, object]) -> Iterator[str]:
    refused = step.get("refused")
    try:
        take_step(story, step)
    except PencereError as error:
        if error.code != refused:
            yield f"step {dict(step)}: {error}"
        return
    if refused is not None:
        yield f"step {dict(step)}: was not refused"


def take_step(story: Story, step: Mapping[str, object]) -> None:
    """Let happen what a step of cases.yaml says.

    Raises:
        PencereError: the engine refuses it.
    """
    if "days" in step:
        story.pass_days(int(str(step["days"])))
    for verdict in ("confirm", "decline"):
        if verdict in step:
            story.second(verdict, str(step[verdict]))
    reasons = step.get("reasons", [])
    for role in (Role.OFFICER, Role.HEAD, Role.EXPERT, Role.APPLICANT):
        if role.value in step:
            own = str(story.applicant["fin"])
            default = own if role is Role.APPLICANT else _OFFICER
            story.do(
                role,
                str(step[role.value]),
                who=str(step.get("who", default)),
                reasons=tuple(str(r) for r in reasons) if isinstance(reasons, list) else (),
                comment=str(step.get("comment", "")),
            )


def _state_differs(story: Story, expected: Mapping[str, object]) -> Iterator[str]:
    case = story.case
    if case is None:
        return
    yield from _differs("state", expected, case.state)
    due = case.clock.due
    yield from _differs("decide_by", expected, due.isoformat() if due else None)


def _may_differs(story: Story, expected: Mapping[str, object]) -> Iterator[str]:
    for role, actions in _mapping(expected, "may").items():
        who = str(story.applicant["fin"]) if role == Role.APPLICANT.value else _OFFICER
        found = story.actions_of(Role(role), who)
        if found != actions:
            yield f"may.{role}: {found}, expected {actions}"


def _end_differs(story: Story, then: Mapping[str, object]) -> Iterator[str]:
    yield from _state_differs(story, then)
    case = story.case
    if case is None:
        return
    yield from _differs("paused", then, case.clock.is_paused)
    yield from _differs("documents", then, [issue.document for issue in story.documents])
    yield from _differs("told", then, story.told)
    yield from _differs("refunded", then, story.refunded)
    yield from _differs("events", then, [event.kind for event in story.events])
    appeal = story.definition.states[case.state].appeal
    yield from _differs("appeal", then, appeal.to if appeal else None)
    for code, rows in _mapping(then, "register").items():
        yield from _register_differs(story, code, rows if isinstance(rows, list) else [])


def _register_differs(story: Story, code: str, rows: list[Mapping[str, object]]) -> Iterator[str]:
    found = [
        {**record.data, "_state": record.state, "_version": record.version}
        for record in story.registers.records.get(code, [])
    ]
    if len(found) != len(rows):
        yield f"register.{code}: {len(found)} records, expected {len(rows)}"
        return
    for record, row in zip(found, rows, strict=True):
        for key, value in row.items():
            if record.get(key) != value:
                yield f"register.{code}.{key}: {record.get(key)!r}, expected {value!r}"


def _differs(key: str, expected: Mapping[str, object], found: object) -> Iterator[str]:
    if key in expected and expected[key] != found:
        yield f"{key}: {found!r}, expected {expected[key]!r}"


def _mapping(content: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = content.get(key, {})
    return value if isinstance(value, Mapping) else {}


def _merged(common: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """Lay a case over what all cases share; a list takes the place of a list."""
    merged = dict(common)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged
