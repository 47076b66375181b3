"""Issuing the document of a decision."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.services.effects import Issue
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Effect
from pencere.web.issued.domain import issuing


def do(effect: Effect, prepared: Issue, opened: Opened, *, at: datetime) -> Mapping[str, Any]:
    """Make and seal the document, and mark earlier ones of its kind as replaced."""
    case, definition = effect.case, opened.definition
    document = issuing.issue(
        issuing.Order(
            key=effect.key,
            person=case.person,
            kind=f"{definition.service}/{prepared.document}",
            name=prepared.name,
            service=definition.service,
            case=case.number,
            body=definition.authority,
            language=case.language,
            template=prepared.template,
            values={**prepared.values, "case": case.number},
        ),
        at=at,
    )
    if not definition.documents[prepared.document].side_by_side:
        issuing.supersede(person=case.person, kind=document.kind, by=document, at=at)
    return {"code": document.code, "sha256": bytes(document.sha256).hex()}
