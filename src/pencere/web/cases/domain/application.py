"""The application as a document: what was asked, answered and shown, in canonical JSON.

This is what the applicant signs, byte for byte, and what a decision can be checked against years
later. Its form is docs/explanation/cases.md, "What is signed".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Refused
from pencere.services import forms
from pencere.services.fees import Fee
from pencere.services.model.question import UPLOADS
from pencere.services.places import Places
from pencere.web.cases.domain.applicant import agent_of, applicant_of, as_signed
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Attachment, Draft
from pencere.web.country import country

FORM = 1


def application_of(*, writing: Writing, fee: Fee, language: str, at: datetime) -> bytes:
    """Return the canonical JSON of an application that is complete."""
    definition, draft = writing.definition, writing.draft
    answers = forms.on_route(definition, writing.answers, writing.context)
    return canonical_json(
        {
            **_agent(draft),
            "answers": forms.to_stored(answers),
            "applicant": applicant_of(draft.person),
            "attachments": _attachments(writing, answers),
            "declaration": definition.declaration.in_language(language),
            "definition": {
                "service": definition.service,
                "sha256": definition.sha256,
                "version": definition.version,
            },
            "facts": {
                name: {
                    "asked_at": writing.told.asked_at[name],
                    "register": _register(writing, name),
                    "value": writing.told.values.get(name),
                }
                for name in writing.told.asked_at
            },
            "fee": {
                "amount": fee.amount,
                "trace": fee.trace.to_mapping() if fee.trace is not None else None,
            },
            "form": FORM,
            "language": language,
            "number": draft.number,
            **_own_words(writing),
            "written_at": at.isoformat(timespec="seconds"),
        }
    )


def context_of(
    *,
    application: Mapping[str, Any],
    answers: Mapping[str, object],
    facts: Mapping[str, Any],
    today: Any,
) -> dict[str, Any]:
    """Return the engine's context of a signed application; `facts` are those of the body."""
    shown = {
        name: fact["value"]
        for name, fact in application["facts"].items()
        if fact["value"] is not None
    }
    return {
        "applicant": as_signed(application),
        "facts": {**shown, **facts},
        "answers": dict(answers),
        "today": today,
        "places": Places.of(country()),
    }


def _agent(draft: Draft) -> dict[str, Any]:
    """Return who signs for the applicant and by what power, when somebody does.

    Raises:
        Refused: "power.ended": the page found no power.
    """
    if draft.agent is None:
        return {}
    if draft.acting is None:
        raise Refused("power.ended")
    return {"agent": agent_of(draft.agent, draft.acting)}


def _own_words(writing: Writing) -> dict[str, Any]:
    """Return what the applicant says against registers whose word counts, when they say it."""
    own = {q.id: writing.own[q.id] for q in writing.way if q.locked and q.id in writing.own}
    return {"own_words": own} if own else {}


def uploads_in(value: object) -> list[Mapping[str, Any]]:
    """Return the files an answer holds: none, one or several."""
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, Mapping) and "media_type" in one]


def _register(writing: Writing, fact_id: str) -> str:
    fact = writing.definition.fact(fact_id)
    return "" if fact is None else fact.register


def _attachments(writing: Writing, answers: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the digests of the files behind the answers, so that they are signed too."""
    given = [
        (question.id, value)
        for question in writing.definition.questions
        if question.type in UPLOADS
        for value in uploads_in(answers.get(question.id))
    ]
    kept = {
        str(found.id): found
        for found in Attachment.objects.filter(
            draft=writing.draft, pk__in=[value["id"] for _, value in given]
        )
    }
    return [
        {
            "question": question,
            "sha256": bytes(kept[str(value["id"])].sha256).hex(),
            "size_bytes": kept[str(value["id"])].size_bytes,
        }
        for question, value in sorted(given, key=lambda one: one[0])
        if str(value["id"]) in kept
    ]
