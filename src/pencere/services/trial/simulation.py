"""A case lived through day by day, to be looked at: what happens when, and what the clock says.

It begins with what a case of cases.yaml gives (registers, answers) and goes where one sends it. The
engine is the real one; nothing is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import Invalid
from pencere.rules.yamlfile import load_yaml
from pencere.services import schemas
from pencere.services.case import Event
from pencere.services.eligibility import NotEligible
from pencere.services.lints.surroundings import Surroundings
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.services.trial.cases import FILE, given_of, take_step
from pencere.services.trial.story import Story, begin

MOST_DAYS = 3660
_ROLES = (Role.OFFICER, Role.HEAD, Role.EXPERT, Role.APPLICANT)
_VERDICTS = ("confirm", "decline")


@dataclass(frozen=True, slots=True)
class Moment:
    """A day on which something happened. `left` working days of the term; None: no clock runs."""

    day: date
    events: tuple[Event, ...]
    state: str
    due: date | None
    left: int | None
    is_paused: bool
    may: Mapping[str, tuple[str, ...]]


def read_step(text: str) -> dict[str, object]:
    """Return a step as cases.yaml has it, of `days=5`, `officer=refuse:storm`, `confirm=head-1`.

    Raises:
        Invalid: `simulation.step`.
    """
    who, _, what = text.partition("=")
    action, _, reasons = what.partition(":")
    if who == "days" and action.isascii() and action.isdecimal() and int(action) <= MOST_DAYS:
        return {"days": int(action)}
    if who in {*(role.value for role in _ROLES), *_VERDICTS} and action:
        step: dict[str, object] = {who: action, "comment": "simulated"}
        return step | ({"reasons": reasons.split(",")} if reasons else {})
    raise Invalid("simulation.step", step=text[:80], example="days=5 officer=grant")


def simulate(
    definition: Definition,
    around: Surroundings,
    steps: Sequence[Mapping[str, object]],
    *,
    case: int = 0,
) -> list[Moment]:
    """Return what happens, from the day on which the case of cases.yaml applies.

    Raises:
        Misconfigured: cases.yaml is missing or wrong.
        Invalid: `simulation.case`, `simulation.not_eligible`, `simulation.answers`; what the
            engine refuses, by its own code.
    """
    return list(_live(definition, around, steps, case))


def _live(
    definition: Definition, around: Surroundings, steps: Sequence[Mapping[str, object]], case: int
) -> Iterator[Moment]:
    file = definition.folder / FILE
    content = schemas.check(load_yaml(file, example="cases: [...]"), "cases", file)
    cases = content["cases"]
    if not isinstance(cases, list) or case not in range(len(cases)):
        raise Invalid("simulation.case", case=case + 1)
    given = given_of(content, cases[case])
    story = begin(definition, around, date.fromisoformat(str(cases[case]["on"])), given)
    verdict = story.eligible()
    if isinstance(verdict, NotEligible):
        raise Invalid("simulation.not_eligible", key=verdict.key)
    answers = given.get("answers", {})
    errors = story.fill(answers if isinstance(answers, Mapping) else {})
    if errors:
        raise Invalid("simulation.answers", questions=",".join(errors))
    story.submit()
    yield _moment(story, 0)
    for step in steps:
        days = step.get("days")
        for one in [{"days": 1}] * days if isinstance(days, int) else [step]:
            before = len(story.events)
            take_step(story, one)
            if len(story.events) > before:
                yield _moment(story, before)
    if story.today > date.fromisoformat(str(cases[case]["on"])) and steps and "days" in steps[-1]:
        yield _moment(story, len(story.events))


def _moment(story: Story, before: int) -> Moment:
    case = story.case
    if case is None:
        raise Invalid("case.not_submitted")
    own = str(story.applicant["fin"])
    may = {
        role.value: tuple(story.actions_of(role, own if role is Role.APPLICANT else "officer-1"))
        for role in _ROLES
    }
    clock = case.clock
    is_running = clock.ended is None
    return Moment(
        day=story.today,
        events=tuple(story.events[before:]),
        state=case.state,
        due=clock.due if is_running else None,
        left=clock.remaining(story.today, story.calendar) if is_running else None,
        is_paused=clock.is_paused,
        may={role: actions for role, actions in may.items() if actions},
    )
