"""The portal's own checks of a case: signature, payment, files.

What they look at was made sure of before, so they answer at once, in the same transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.services import machine as engine
from pencere.services.case import Case as MachineCase
from pencere.services.case import Outcome
from pencere.services.model.casework import Check, CheckKind
from pencere.services.model.definition import Definition, SignatureLevel
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.transitions import SYSTEM, store
from pencere.web.cases.models import Attachment, Case
from pencere.web.payments.models import Charge
from pencere.web.payments.models.charge import State as ChargeState


def answer(
    *,
    case: Case,
    definition: Definition,
    machine: MachineCase,
    context: Mapping[str, Any],
    at: datetime,
) -> None:
    """Answer what waits in the present state; the case goes on by itself when all have."""
    current = machine
    for check in definition.states[machine.state].checks:
        if current.checks.get(check.id) is not Outcome.WAITING:
            continue
        passed = _passes(check, case, definition, context)
        step = engine.record_check(
            definition,
            current,
            check.id,
            Outcome.PASSED if passed else Outcome.FAILED,
            at=at,
            context=context,
            calendar=definitions.calendar(),
            expected_version=current.version,
        )
        store(case=case, definition=definition, transition=step, by=SYSTEM, at=at)
        current = step.case


def _passes(check: Check, case: Case, definition: Definition, context: Mapping[str, Any]) -> bool:
    match check.kind:
        case CheckKind.SIGNATURE:
            return case.signature_sealed is not None or definition.signature is SignatureLevel.NONE
        case CheckKind.PAYMENT:
            return definition.fee is None or _is_paid(case)
        case CheckKind.FILES:
            return _has_files(case, context)
        case CheckKind.CONDITION:
            return True  # the engine answers these itself


def _is_paid(case: Case) -> bool:
    if case.charge is None:
        return False
    return Charge.objects.filter(pk=case.charge, state=ChargeState.PAID).exists()


def _has_files(case: Case, context: Mapping[str, Any]) -> bool:
    given = {
        str(value["id"])
        for value in context["answers"].values()
        if isinstance(value, Mapping) and "id" in value
    }
    kept = Attachment.objects.filter(case=case, pk__in=given).count()
    return kept == len(given)
