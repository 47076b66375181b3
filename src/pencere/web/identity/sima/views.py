"""The two addresses that SİMA's application calls. No session, no form: each call proves itself."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from pencere.kernel.errors import Invalid, PencereError
from pencere.trust.sima_calls import LARGEST_BODY
from pencere.web.identity.sima import calls
from pencere.web.middleware.errors import fault_of
from pencere.web.rules import public, rule

LARGEST_QUERY = 16_384


@rule(public)
@require_GET
def get_file(request: HttpRequest) -> JsonResponse:
    """Give what is to be signed."""
    query = request.META.get("QUERY_STRING", "")
    try:
        if len(query) > LARGEST_QUERY:
            raise Invalid("sima.container", reason="size")
        answer = calls.give_file(
            path=request.path,
            query=query,
            headers=_headers(request),
            network_address=request.META.get("REMOTE_ADDR", ""),
            at=settings.CLOCK.now(),
        )
    except PencereError as refusal:
        return _refused(refusal)
    return JsonResponse(answer)


@rule(public)
@csrf_exempt
@require_POST
def callback(request: HttpRequest) -> JsonResponse:
    """Take the signature."""
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
            raise Invalid("sima.call", reason="size")
        calls.take_answer(
            body=request.body,
            headers=_headers(request),
            network_address=request.META.get("REMOTE_ADDR", ""),
            at=settings.CLOCK.now(),
        )
    except PencereError as refusal:
        return _refused(refusal)
    return JsonResponse({"status": "success"})


def _headers(request: HttpRequest) -> dict[str, str]:
    names = ("ts-cert", "ts-sign", "ts-sign-alg")
    return {name: request.headers.get(name, "") for name in names}


def _refused(refusal: PencereError) -> JsonResponse:
    """Answer with the code: the application has sentences of its own."""
    fault = fault_of(refusal)
    if fault.status == 500:
        raise refusal
    answer = {"status": "error", "errormessage": fault.code}
    return JsonResponse(answer, status=fault.status)
