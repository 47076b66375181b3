"""The directory as nodes fetch it."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from pencere.web.rules import public, rule
from pencere.web.stateregister.domain.directory import newest_jws


@rule(public)
@require_safe
def directory_file(request: HttpRequest) -> HttpResponse:
    """Answer with the newest directory; it proves itself, so anybody may have it."""
    del request
    answer = HttpResponse(newest_jws(), content_type="application/jose")
    answer["Cache-Control"] = "no-cache"
    return answer
