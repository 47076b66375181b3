"""Files an applicant gave, for the officers of the body the case is with."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from pencere.kernel.errors import Missing
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.files import content_of
from pencere.web.cases.models import Attachment
from pencere.web.office.who import caseworker
from pencere.web.rules import rule, visit_of


@rule(caseworker)
@require_safe
def show(request: HttpRequest, number: str, attachment_id: UUID) -> HttpResponse:
    """Return a file of the case; a picture opens in the page, anything else is saved."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    acting.officer_of(visit, case)
    attachment = Attachment.objects.filter(case=case, pk=attachment_id).first()
    if attachment is None:
        raise Missing("file.missing")
    answer = HttpResponse(content_of(bytes(attachment.sha256)), content_type=attachment.media_type)
    shown = "inline" if attachment.media_type.startswith("image/") else "attachment"
    answer["Content-Disposition"] = shown
    answer["Cache-Control"] = "private, no-store"
    return answer
