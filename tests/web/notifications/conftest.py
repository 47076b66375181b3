"""What tests of notices share: it is noon, so that quiet nights keep nothing back by chance."""

import pytest
from django.conf import settings

from pencere.kernel.clock import BAKU, FixedClock, SystemClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """A clock that stands at noon of today in Baku until a test moves it."""
    now = SystemClock().now().astimezone(BAKU)
    noon = FixedClock(now.replace(hour=12, minute=0, second=0, microsecond=0))
    monkeypatch.setattr(settings, "CLOCK", noon)
    return noon
