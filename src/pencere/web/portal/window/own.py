"""The case of an address, to its applicant or to who acts for them."""

from django.conf import settings
from django.http import HttpRequest

from pencere.web.cases.domain import reading
from pencere.web.cases.models import Case
from pencere.web.exchange import gateway
from pencere.web.mandates import acting
from pencere.web.rules import visit_of


def case_for(request: HttpRequest, number: str) -> Case:
    """Return the case; before something is sent for another, make sure that the power holds.

    Raises:
        Missing: "case.missing".
        Refused: "power.ended".
        Unavailable: the register of the power does not answer.
    """
    visit = visit_of(request)
    case = reading.case_of(person=visit.party, number=number, acting=visit.acting)
    if visit.acting is not None and request.method == "POST":
        acting.make_sure(visit, case.service, gateway=gateway(), at=settings.CLOCK.now())
    return case
