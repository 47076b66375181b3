"""Both roles of the web, a person with things of their own, and visitors of every kind."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.urls import clear_url_caches, set_urlconf
from tests.web.office.conftest import (
    applicant,
    clock,
    gateway,
    make_case,
    make_officer,
    node,
)

__all__ = ["applicant", "clock", "gateway", "make_case", "make_officer", "node"]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Answer as a role of the web does."""

    def enter(role: str) -> None:
        monkeypatch.setattr(settings, "ROLE", role)
        monkeypatch.setattr(settings, "ROOT_URLCONF", f"pencere.web.urls.{role}")
        clear_url_caches()
        set_urlconf(None)

    yield enter
    clear_url_caches()
