"""Files an applicant gave, for the officers of the body the case is with."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from pencere.kernel.errors import Missing
from pencere.web.cases.domain import acting
from pencere.web.cases.domain.files import content_of
from pencere.web.cases.models import Attachment
from pencere.web.office.who import case_for, caseworker
from pencere.web.rules import rule, visit_of


@rule(caseworker)
@require_safe
def show(request: HttpRequest, number: str, attachment_id: UUID) -> HttpResponse:
    """Return a file of the case; a picture opens in the page, anything else is saved."""
    visit = visit_of(request)
    case = case_for(visit, number)
    acting.officer_of(visit, case)
    attachment = Attachment.objects.filter(case=case, pk=attachment_id).first()
    if attachment is None:
        raise Missing("file.missing")
    answer = HttpResponse(content_of(bytes(attachment.sha256)), content_type=attachment.media_type)
    is_saved = not attachment.media_type.startswith("image/")
    answer["Content-Disposition"] = content_disposition_header(is_saved, attachment.name) or (
        "attachment" if is_saved else "inline"
    )
    answer["Cache-Control"] = "private, no-store"
    return answer
