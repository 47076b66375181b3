"""What the page of a case shows beside sources and evidence, made from an opened case."""

from collections.abc import Iterable

from django.urls import reverse

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, format_instant
from pencere.services.case import Decision
from pencere.services.model.casework import Action
from pencere.services.model.definition import Definition
from pencere.services.model.question import UPLOADS
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.application import uploads_in
from pencere.web.cases.domain.reading import Opened, words_of
from pencere.web.cases.models import Attachment, Case, CaseEvent, Effect
from pencere.web.office.terms import state_name
from pencere.web.people.models.person import Person
from pencere.web.texts import t, texts

Row = dict[str, object]

# Events whose sentence names what was done. Others have a sentence of their own.
NAMED = frozenset({"acted", "proposed", "entered"})


def applicant_name(opened: Opened) -> str:
    """Return the applicant's name as they signed it."""
    applicant = opened.application["applicant"]
    return f"{applicant['given_name']} {applicant['surname']}".strip()


def files(opened: Opened, language: str) -> list[Row]:
    """Return the files that count now: those of the answers, in the order of the questions."""
    given = {
        str(one["id"]): question
        for question in opened.definition.questions
        if question.type in UPLOADS
        for one in uploads_in(opened.answers.get(question.id))
    }
    kept = {str(one.id): one for one in Attachment.objects.filter(case=opened.case, pk__in=given)}
    return [
        {
            "label": question.ask.in_language(language),
            "name": kept[key].name,
            "href": reverse("office_file", args=[opened.case.number, key]),
            "is_picture": kept[key].media_type.startswith("image/"),
            "width": kept[key].width,
            "height": kept[key].height,
        }
        for key, question in given.items()
        if key in kept
    ]


def decision(opened: Opened, made: Decision | None, language: str) -> Row | None:
    """Return what was decided or proposed: by whom, when, on what grounds, in what words."""
    if made is None:
        return None
    action = action_of(opened.definition, made.action)
    grounds = action.reasons if action is not None else ()
    names = {
        str(person.pk): person.name
        for person in Person.objects.filter(
            pk__in=[key for key in (made.by, made.confirmed_by) if key]
        )
    }
    return {
        "action": action.name.in_language(language) if action is not None else made.action,
        "reasons": [one.text.in_language(language) for one in grounds if one.id in made.reasons],
        "comment": made.comment,
        "by": names.get(made.by, ""),
        "confirmed_by": names.get(made.confirmed_by or "", ""),
        "at": format_instant(made.at, language),
    }


def action_of(definition: Definition, action_id: str) -> Action | None:
    """Return the action of this id, of whatever state."""
    found = (state.action(action_id) for state in definition.states.values())
    return next((action for action in found if action is not None), None)


def timeline(opened: Opened, language: str) -> list[Row]:
    """Return what happened, in order, with the words of people."""
    events = list(opened.case.events.select_related("by").exclude(kind="checked"))
    versions = definitions.under_which(opened.case, events)
    return [
        _event(opened.case, event, version, language)
        for event, version in zip(events, versions, strict=True)
        if event.kind != "entered" or not _is_passed_by_itself(version, event.state)
    ]


def _is_passed_by_itself(definition: Definition, state_id: str) -> bool:
    """Say whether a state is only the system's checks: their card tells of them."""
    state = definition.states.get(state_id)
    return state is not None and bool(state.checks) and not state.actions


def said_of(event: CaseEvent, definition: Definition, language: str) -> str:
    """Return an event as a sentence, for officers and auditors."""
    action = action_of(definition, event.action)
    what = action.name.in_language(language) if action is not None else ""
    if event.kind == "entered":
        what = state_name(definition, event.state)
    key = f"office.event.{event.kind.replace('-', '_')}"
    if key not in texts():
        return event.kind
    return t(key, what=what) if event.kind in NAMED else t(key)


def _event(case: Case, event: CaseEvent, version: Definition, language: str) -> Row:
    note = format_instant(event.at, language)
    if event.by is not None:
        note = f"{note} · {event.by.name}"
    event.case = case
    comment = words_of(event).get("comment")
    return {
        "label": said_of(event, version, language),
        "note": f"{note} · {comment}" if comment else note,
        "state": "done",
    }


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


def earlier(cases: Iterable[Case], language: str) -> list[Row]:
    """Return earlier cases of the same person at the same body."""
    rows: list[Row] = []
    for case in cases:
        definition = definitions.pinned(case)
        rows.append(
            {
                "label": case.number,
                "href": reverse("office_case", args=[case.number]),
                "service": definition.names.in_language(language),
                "note": f"{format_date(local_date(case.submitted_at), language)} · "
                f"{state_name(definition, case.state)}",
            }
        )
    return rows
