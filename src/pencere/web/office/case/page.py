"""What the page of a case shows, made from an opened case. No query but for its own rows."""

from collections.abc import Mapping
from datetime import date, datetime

from django.urls import reverse

from pencere.kernel.dates import format_date, format_instant
from pencere.services import facts, forms
from pencere.services.case import Outcome
from pencere.services.model import CheckKind, Fact, Role
from pencere.web.cases.domain.reading import Opened, words_of
from pencere.web.cases.models import Attachment, Case, CaseEvent, Effect
from pencere.web.exchange.registers import register
from pencere.web.texts import t

Row = dict[str, object]

CHECK_STATE = {Outcome.PASSED: "done", Outcome.FAILED: "bad", Outcome.WAITING: "now"}


def applicant_name(opened: Opened) -> str:
    """Return the applicant's name as they signed it."""
    applicant = opened.application["applicant"]
    return f"{applicant['given_name']} {applicant['surname']}".strip()


def register_rows(opened: Opened, language: str) -> list[Row]:
    """Return what registers said when the applicant signed, each with register and time."""
    found: list[Row] = []
    for name, told in opened.application["facts"].items():
        fact = opened.definition.fact(name)
        if fact is not None and told["value"] is not None:
            asked_at = datetime.fromisoformat(told["asked_at"])
            found += _rows(fact, told["value"], asked_at, language)
    return found


def body_rows(opened: Opened, language: str) -> list[Row]:
    """Return what registers said to the body just now; nothing found is said too."""
    found: list[Row] = []
    for name, asked_at in opened.told.asked_at.items():
        fact = opened.definition.fact(name)
        if fact is None:
            continue
        value = opened.told.values.get(name)
        asked = datetime.fromisoformat(asked_at)
        rows = _rows(fact, value, asked, language) if value else []
        nothing: Row = {
            "label": fact.title.in_language(language),
            "value": t("office.case.nothing"),
            "note": _note(fact, asked, language),
            "kind": "good",
        }
        found += [{**row, "kind": "bad"} for row in rows] or [nothing]
    return found


def _rows(fact: Fact, value: object, asked_at: datetime, language: str) -> list[Row]:
    fields = register(fact.register).fields
    rows: list[Row] = []
    for field, label, shown in facts.shown(fact, value, Role.OFFICER) or facts.shown(
        fact, value, Role.APPLICANT
    ):
        known = fields.get(field)
        name = label or (known.name if known is not None else None)
        rows.append(
            {
                "label": name.in_language(language) if name is not None else field,
                "value": said(shown, language),
                "note": _note(fact, asked_at, language),
            }
        )
    return rows


def said(value: object, language: str) -> str:
    """Return a value of a register as one reads it."""
    match value:
        case bool():
            return t("office.case.yes") if value else t("office.case.no")
        case list() | tuple():
            return ", ".join(said(item, language) for item in value)
        case Mapping():
            return ", ".join(said(item, language) for item in value.values())
        case str() if len(value) == 10 and value[4] == value[7] == "-":
            try:
                return format_date(date.fromisoformat(value), language)
            except ValueError:
                return value
        case _:
            return str(value)


def _note(fact: Fact, asked_at: datetime, language: str) -> str:
    name = register(fact.register).names.in_language(language)
    return f"{name}, {format_instant(asked_at, language)}"


def answer_rows(opened: Opened, language: str) -> list[Row]:
    """Return the applicant's answers in the order of the questions, without files."""
    return [
        {
            "label": question.ask.in_language(language),
            "value": forms.shown(question, opened.answers[question.id], language),
        }
        for question in opened.definition.questions
        if question.id in opened.answers and not isinstance(opened.answers[question.id], Mapping)
    ]


def files(opened: Opened, language: str) -> list[Row]:
    """Return the files that count now: those of the answers."""
    given = {
        str(value["id"]): question
        for question in opened.definition.questions
        if isinstance(value := opened.answers.get(question.id), Mapping) and "id" in value
    }
    found = Attachment.objects.filter(case=opened.case, pk__in=list(given))
    return [
        {
            "label": given[str(one.id)].ask.in_language(language),
            "name": one.name,
            "href": reverse("office_file", args=[opened.case.number, one.id]),
            "is_picture": one.media_type.startswith("image/"),
            "width": one.width,
            "height": one.height,
        }
        for one in found
    ]


def checks(opened: Opened, language: str) -> list[Row]:
    """Return the checks the system has done, in all states so far."""
    answered = {
        str(event.facts.get("check")): str(event.facts.get("outcome"))
        for event in opened.case.events.filter(kind="checked")
    }
    answered |= {name: outcome.value for name, outcome in opened.machine.checks.items()}
    rows: list[Row] = []
    for state in opened.definition.states.values():
        for check in state.checks:
            if check.id in answered and not any(row["id"] == check.id for row in rows):
                rows.append(
                    {
                        "id": check.id,
                        "label": check.name.in_language(language),
                        "note": t("office.case.check_signature")
                        if check.kind is CheckKind.SIGNATURE
                        else "",
                        "state": CHECK_STATE[Outcome(answered[check.id])],
                    }
                )
    return rows


def timeline(opened: Opened, language: str) -> list[Row]:
    """Return what happened, in order, with the words of people."""
    events = opened.case.events.select_related("by").exclude(kind="checked")
    return [_event(opened, event, language) for event in events]


def _event(opened: Opened, event: CaseEvent, language: str) -> Row:
    state = opened.definition.states.get(event.state)
    action = next(
        (
            found
            for one in opened.definition.states.values()
            if (found := one.action(event.action)) is not None
        ),
        None,
    )
    words = action.name.in_language(language) if action is not None else ""
    if event.kind == "entered" and state is not None:
        words = state.name.in_language(language)
    if event.kind in {"acted", "proposed", "entered"} and words:
        label = t(f"office.event.{event.kind}", what=words)
    else:
        label = t(f"office.event.{event.kind.replace('-', '_')}")
    who = event.by.name if event.by is not None else t("office.event.system")
    note = f"{format_instant(event.at, language)} · {who}"
    comment = words_of(event).get("comment")
    return {"label": label, "note": f"{note} · {comment}" if comment else note, "state": "done"}


def effects(opened: Opened, language: str) -> list[Row]:
    """Return what follows from decisions, and how far each is."""
    kinds = {"done": "done", "failed": "bad"}
    return [
        {
            "label": t(f"office.effect.{effect.kind}"),
            "note": t(f"office.effect.{effect.status}")
            + (f" · {format_instant(effect.done_at, language)}" if effect.done_at else ""),
            "state": kinds.get(effect.status, "now"),
        }
        for effect in Effect.objects.filter(case=opened.case)
    ]


def earlier(case: Case, language: str) -> Row:
    """Return an earlier case of the same person at the same body."""
    return {
        "label": case.number,
        "href": reverse("office_case", args=[case.number]),
        "note": format_date(case.submitted_at.date(), language),
    }
