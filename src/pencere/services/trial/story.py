"""One application lived through: form, submission, checks, decisions, time, effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from pencere.kernel.errors import Invalid
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import eligibility, facts, forms, machine, prefill
from pencere.services.answers import from_stored
from pencere.services.case import Actor, Case, Event, Outcome, Planned, Transition
from pencere.services.effects import Issue, Refund, Tell, Write, prepare
from pencere.services.fees import Fee, fee_for
from pencere.services.lints.surroundings import Surroundings
from pencere.services.model.casework import CheckKind
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.services.model.question import UPLOADS, Question
from pencere.services.places import Places
from pencere.services.samples import sample_answer, sample_applicant
from pencere.services.trial.registers import Registers

# Ten in the morning in Baku, an hour when offices are open.
_HOUR = time(6, 0)
NUMBER = "TEST-0001"


@dataclass(slots=True)
class Story:
    """What happens to one applicant. `today` moves with `pass_days`."""

    definition: Definition
    around: Surroundings
    registers: Registers
    today: date
    applicant: dict[str, object]
    answers: dict[str, object] = field(default_factory=dict)
    check_outcomes: dict[str, Outcome] = field(default_factory=dict)
    case: Case | None = None
    events: list[Event] = field(default_factory=list)
    documents: list[Issue] = field(default_factory=list)
    told: int = 0
    refunded: bool = False
    results: dict[str, object] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def calendar(self) -> WorkingCalendar:
        """The country's working days."""
        return self.around.country.calendar.working

    @property
    def at(self) -> datetime:
        """The present instant of the story."""
        return datetime.combine(self.today, _HOUR, UTC)

    def context(self) -> dict[str, object]:
        """Return what expressions see; facts are asked anew until the application is sent."""
        if self.case is None:
            self._ask_registers()
        return {
            "applicant": self.applicant,
            "facts": self.facts,
            "answers": self.answers,
            "today": self.today,
            "places": Places.of(self.around.country),
        }

    def eligible(self) -> eligibility.Eligible | eligibility.NotEligible:
        """Say whether the applicant may apply."""
        return eligibility.check(self.definition, self.context())

    def fee(self) -> Fee:
        """Return what the applicant pays today."""
        return fee_for(self.definition, self.context(), self.today, self.around.law)

    def fill(self, given: Mapping[str, object]) -> dict[str, str]:
        """Answer the form as a person does, page by page; return the error codes by question.

        A question on the way that the case says nothing of gets a believable answer, unless it
        is optional.
        """
        errors: dict[str, str] = {}
        self.answers = {}
        for question_id in given:
            if self.definition.question(question_id) is None:
                raise Invalid("case.question_unknown", question=question_id)
        while (question := self._next(errors)) is not None:
            value = given.get(question.id)
            if value is None and question.id not in given and question.required:
                places = Places.of(self.around.country)
                value = sample_answer(question, self.today, places)
            context = {**self.context(), "answers": self.answers}
            if prefill.is_locked(question, context):
                self.answers[question.id] = prefill.known(question, context)
                continue
            raw: dict[str, str | Sequence[str] | forms.Upload | Sequence[forms.Upload] | None] = {}
            raw.update(forms.raw_of(question, _typed(question, value)))
            if question.type in UPLOADS and value is not None:
                raw[question.id] = (
                    [_upload(one) for one in value] if isinstance(value, list) else _upload(value)
                )
            try:
                self.answers[question.id] = forms.clean(question, raw, context)
            except forms.FieldErrors as error:
                errors[question.id] = error.errors[0].code
        return errors

    def submit(self) -> None:
        """Send the application; checks of the portal answer as the case says, else they pass."""
        context = self.context()
        self.answers = forms.on_route(self.definition, self.answers, context)
        opened = machine.new_case(
            self.definition,
            number=NUMBER,
            applicant=str(self.applicant["fin"]),
            at=self.at,
            context=self.context(),
            calendar=self.calendar,
        )
        self._take(opened)
        self._answer_checks()

    def do(
        self, role: Role, action: str, *, who: str, reasons: tuple[str, ...], comment: str
    ) -> None:
        """Let somebody act."""
        case = self._case()
        self._take(
            machine.act(
                self.definition,
                case,
                action,
                by=Actor(who, frozenset({role})),
                at=self.at,
                context=self.context(),
                calendar=self.calendar,
                expected_version=case.version,
                reasons=reasons,
                comment=comment,
            )
        )
        self._answer_checks()

    def second(self, verdict: str, who: str) -> None:
        """Let a second person `confirm` or `decline` a proposal."""
        case = self._case()
        decide = machine.confirm if verdict == "confirm" else machine.decline
        self._take(
            decide(
                self.definition,
                case,
                by=Actor(who, frozenset({Role.HEAD})),
                at=self.at,
                context=self.context(),
                calendar=self.calendar,
                expected_version=case.version,
            )
        )
        self._answer_checks()

    def pass_days(self, days: int) -> None:
        """Let days go by; each morning the timers are looked at."""
        for _ in range(days):
            self.today += timedelta(days=1)
            due = machine.tick(
                self.definition,
                self._case(),
                at=self.at,
                context=self.context(),
                calendar=self.calendar,
            )
            if due is not None:
                self._take(due)
                self._answer_checks()

    def actions_of(self, role: Role, who: str) -> list[str]:
        """Return what a person may do now."""
        by = Actor(who, frozenset({role}))
        return [a.id for a in machine.available(self.definition, self._case(), by, self.context())]

    def _case(self) -> Case:
        if self.case is None:
            raise Invalid("case.not_submitted")
        return self.case

    def _next(self, errors: Mapping[str, str]) -> Question | None:
        tried = {**dict.fromkeys(errors), **self.answers}
        return forms.next_question(self.definition, tried, self.context())

    def _ask_registers(self) -> None:
        self.facts = {}
        context: dict[str, object] = {
            "applicant": self.applicant,
            "facts": self.facts,
            "answers": self.answers,
            "today": self.today,
        }
        for fact in self.definition.facts:
            asked = facts.request(fact, context)
            records = [] if asked is None else self.registers.query(asked)
            value = facts.take(fact, records, context)
            if value is not None:
                self.facts[fact.id] = value

    def _answer_checks(self) -> None:
        """Answer the portal's checks; one said to fail fails once, then passes."""
        while self.case is not None and Outcome.WAITING in self.case.checks.values():
            state = self.definition.states[self.case.state]
            waiting = next(
                c
                for c in state.checks
                if self.case.checks[c.id] is Outcome.WAITING and c.kind is not CheckKind.CONDITION
            )
            outcome = self.check_outcomes.pop(waiting.id, Outcome.PASSED)
            self._take(
                machine.record_check(
                    self.definition,
                    self.case,
                    waiting.id,
                    outcome,
                    at=self.at,
                    context=self.context(),
                    calendar=self.calendar,
                    expected_version=self.case.version,
                )
            )

    def _take(self, transition: Transition) -> None:
        # Stored and read again, as the portal does between two requests.
        stored = transition.case.to_mapping()
        self.case = Case.from_mapping(self.definition, stored)
        self.events.extend(transition.events)
        for planned in transition.effects:
            self._perform(planned)

    def _perform(self, planned: Planned) -> None:
        case = self._case()
        decision = case.decision
        context = {
            **self.context(),
            "case": {
                "number": case.number,
                "state": case.state,
                "decided_on": self.today,
                "reasons": list(decision.reasons) if decision else [],
                "comment": decision.comment if decision else "",
            },
            "effects": self.results,
        }
        match prepare(self.definition, planned.effect, context):
            case Write() as write:
                made = self.registers.write(write, self.today.isoformat())
                self.results[planned.effect.id] = made
            case Issue() as issue:
                self.documents.append(issue)
            case Tell():
                self.told += 1
            case Refund():
                self.refunded = True


def begin(
    definition: Definition, around: Surroundings, on: date, given: Mapping[str, object]
) -> Story:
    """Return the story of a case of cases.yaml before anything happens.

    Raises:
        Invalid: a record does not fit its register.
    """
    registers = Registers(around.registers)
    records = given.get("registers", {})
    for code, rows in records.items() if isinstance(records, Mapping) else ():
        for row in rows:
            registers.put(str(code), row)
    applicant = given.get("applicant", {})
    outcomes = given.get("checks", {})
    return Story(
        definition=definition,
        around=around,
        registers=registers,
        today=on,
        applicant=sample_applicant(applicant if isinstance(applicant, Mapping) else {}),
        check_outcomes={
            str(check): Outcome(outcome)
            for check, outcome in (outcomes.items() if isinstance(outcomes, Mapping) else ())
        },
    )


def _typed(question: Question, value: object) -> object:
    """Return what a case says as the engine's value: dates are written as text there."""
    try:
        return from_stored(question, value)
    except Invalid:
        return value


def _upload(value: object) -> forms.Upload:
    given = value if isinstance(value, Mapping) else {"name": value}
    name = str(given.get("name", "foto.jpg"))
    kinds = {".png": "image/png", ".pdf": "application/pdf"}
    return forms.Upload(
        id=str(given.get("id", name)),
        name=name,
        media_type=str(given.get("media_type", kinds.get(name[-4:], "image/jpeg"))),
        size_bytes=int(str(given.get("size_bytes", 100_000))),
        width=int(str(given.get("width", 413))),
        height=int(str(given.get("height", 531))),
    )
