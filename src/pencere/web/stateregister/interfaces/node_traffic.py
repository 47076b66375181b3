"""Asks the nodes of this installation for their counts. docs/reference/monitoring.md."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import requests
from django.conf import settings

from pencere.kernel.errors import Unavailable
from pencere.web.stateregister.domain.traffic import Ask

TIMEOUTS_S = (2.0, 60.0)
# Identifier of a node to the role that runs it here.
_ROLES = {"AZ/GOV/idda/node": "gateway-portal", "AZ/GOV/azintelecom/node": "gateway-agencies"}


def own_nodes() -> list[tuple[str, Ask]]:
    """Return how each node of this installation is asked."""
    return [(node, _ask_of(role)) for node, role in _ROLES.items()]


def _ask_of(role: str) -> Ask:
    installation = settings.INSTALLATION

    def ask(first: date, last: date) -> Mapping[str, Any]:
        try:
            answer = requests.get(
                f"{installation.address(role)}/monitoring/traffic",
                params={"from": first.isoformat(), "to": last.isoformat()},
                headers={"Pencere-Operator-Key": installation.secret(f"operator/{role}")},
                timeout=TIMEOUTS_S,
                allow_redirects=False,
            )
            content = answer.json()
        except (requests.RequestException, ValueError) as problem:
            raise Unavailable("traffic.unavailable", reason=type(problem).__name__) from problem
        if answer.status_code != 200 or not isinstance(content, dict):
            raise Unavailable("traffic.unavailable", reason=str(answer.status_code))
        return content

    return ask
