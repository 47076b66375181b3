"""Where a provider of text messages says what became of one. docs/specs/notifications.md."""

import json
import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.web.notifications.domain import reports, sms
from pencere.web.notifications.domain.channels import SMS
from pencere.web.rules import public, rule

log = logging.getLogger(__name__)

LARGEST_BYTES = 4_096


@csrf_exempt
@require_POST
@rule(public)  # what proves the caller is the signature of the body
def sms_report(request: HttpRequest) -> HttpResponse:
    """Take one report: 204 taken or known; 4xx refused; the provider tries 5xx again."""
    try:
        if len(request.body) > LARGEST_BYTES:
            raise Refused("sms.forged")
        at = settings.CLOCK.now()
        secrets = settings.INSTALLATION.secrets
        if not (secrets / "sms").is_file():
            raise Missing("sms.none")
        sms.verify(sms.secret_in(secrets), request.headers, request.body, at=at)
        reference, arrival, problem = _parse(request.body)
        verdict = reports.take(SMS, reference=reference, arrival=arrival, problem=problem, at=at)
    except PencereError as error:
        log.warning("sms_report_refused code=%s", error.code)
        return JsonResponse({"error": error.code}, status=error.status)
    log.info("sms_report verdict=%s", verdict)
    if verdict == "unknown":
        return JsonResponse({"error": "sms.unknown"}, status=404)
    return HttpResponse(status=204)


def _parse(body: bytes) -> tuple[str, reports.Arrival, str]:
    try:
        said: Any = json.loads(body)
    except ValueError as error:
        raise Invalid("sms.malformed") from error
    if not isinstance(said, dict):
        raise Invalid("sms.malformed")
    reference, arrival, problem = (said.get(one) for one in ("reference", "status", "problem"))
    if not isinstance(reference, str) or not isinstance(problem or "", str):
        raise Invalid("sms.malformed")
    if arrival not in ("delivered", "failed") or not reports.PROBLEM.fullmatch(problem or ""):
        raise Invalid("sms.malformed")
    return reference, arrival, problem or ""
