"""The sealed document of a power: withdrawn when the power ends, so that checking it says so."""

from datetime import datetime

from pencere.web.cases.domain.sealing import unseal
from pencere.web.cases.models import Effect
from pencere.web.issued.domain import issuing
from pencere.web.issued.models import IssuedDocument
from pencere.web.issued.models.document import Status
from pencere.web.mandates.powers import Power
from pencere.web.people.vault import vault

# The service by which a power of attorney is given.
GIVING = "power-of-attorney"


def revoke(power: Power, *, at: datetime) -> None:
    """Withdraw the document of the case by which this power was entered in its register."""
    giver = vault().digest_for(power.principal)
    written = Effect.objects.filter(
        case__person__fin_digest=giver, case__service=GIVING, kind="write"
    ).select_related("case")
    numbers = [
        one.case.number
        for one in written
        if (unseal(one.result_sealed, one.case.id.bytes) or {}).get("id") == power.record
    ]
    for document in IssuedDocument.objects.filter(case__in=numbers, status=Status.VALID):
        issuing.revoke(code=document.code, reason="power-ended", at=at)
