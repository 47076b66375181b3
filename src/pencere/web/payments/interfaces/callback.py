"""Where a provider says what happened. docs/specs/payments.md, section "Callback"."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from pencere.kernel.errors import PencereError, Refused
from pencere.web.payments.domain import charges
from pencere.web.rules import public, rule

log = logging.getLogger(__name__)

LARGEST_BYTES = 16_384


@csrf_exempt
@require_POST
@rule(public)  # what proves the caller is the signature of the body
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Take one event: 204 acknowledged; 4xx refused; the provider tries others again."""
    try:
        if len(request.body) > LARGEST_BYTES:
            raise Refused("payment.forged", problem="size")
        verdict = charges.receive_callback(
            provider=provider,
            headers=request.headers,
            body=request.body,
            at=settings.CLOCK.now(),
        )
    except PencereError as error:
        log.warning("payment_callback_refused provider=%s code=%s", provider[:32], error.code)
        return JsonResponse({"error": error.code}, status=error.status)
    log.info("payment_callback provider=%s verdict=%s", provider, verdict)
    return HttpResponse(status=204)
