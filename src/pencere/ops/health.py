"""Asking a role how it is: `/healthz`, JSON `{"healthy": bool, "checks": [...]}`."""

import http.client
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Check:
    """One line of a health report."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """What a role said. `reached` is false when nothing usable came back."""

    reached: bool
    healthy: bool
    detail: str
    checks: list[Check] = field(default_factory=list)


def ask(address: str, *, timeout_s: float = 2.0) -> Answer:
    """Get `/healthz` of the role at `address`; never raises."""
    target = urlsplit(address)
    connection = http.client.HTTPConnection(
        target.hostname or "127.0.0.1", target.port, timeout=timeout_s
    )
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read(100_000)
    except (OSError, http.client.HTTPException) as reason:
        return Answer(False, False, f"{address}/healthz: {str(reason) or type(reason).__name__}")
    finally:
        connection.close()
    try:
        told = json.loads(body)
        checks = [_check(each) for each in told.get("checks", [])]
        healthy = response.status == 200 and told["healthy"] is True
    except (ValueError, KeyError, AttributeError, TypeError):
        return Answer(
            True, False, f"{address}/healthz answered {response.status} without the agreed JSON"
        )
    failed = ", ".join(f"{check.name} {check.detail}".strip() for check in checks if not check.ok)
    return Answer(True, healthy, failed or ("healthy" if healthy else "not healthy"), checks)


def _check(told: dict[str, object]) -> Check:
    return Check(str(told["name"]), told.get("ok") is True, str(told.get("detail", "")))
