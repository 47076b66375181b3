"""`/healthz` for who watches the role, `/metrics` for Prometheus on the same machine."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pencere.web.rules import local, public, rule


@rule(public)
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say whether this role can work: it can when its database answers."""
    checks = [_database()]
    is_healthy = all(check["ok"] for check in checks)
    return JsonResponse(
        {"healthy": is_healthy, "checks": checks}, status=200 if is_healthy else 503
    )


def _database() -> dict[str, object]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as fault:
        return {"name": "database", "ok": False, "detail": type(fault).__name__}
    return {"name": "database", "ok": True, "detail": "answers"}


@rule(local)
def metrics(_request: HttpRequest) -> HttpResponse:
    """Give the counters of this process."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
