"""Every process sees what was published: it asks the database once a second at most."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from pencere.web.authoring.domain import published
from pencere.web.static_files import PREFIX

log = logging.getLogger(__name__)

_NOT_NEEDED = (PREFIX, "/healthz", "/metrics")


class Published:
    """Refreshes the edition before a request, at most every `EDITION_EVERY_S` seconds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._asked = float("-inf")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        every: float | None = settings.EDITION_EVERY_S
        now = time.monotonic()
        is_due = every is not None and now - self._asked >= every
        if is_due and not request.path_info.startswith(_NOT_NEEDED):
            self._asked = now
            try:
                published.refresh()
            except (OperationalError, InterfaceError):  # pages that need no database go on
                log.warning("editions_unknown")
        return self._get_response(request)
