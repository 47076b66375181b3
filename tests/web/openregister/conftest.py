"""The register as the country's data founds it, and where the shared shapes are."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings

from pencere.kernel.clock import FixedClock
from pencere.web.classifiers.domain.data import read_code_lists
from pencere.web.classifiers.domain.loading import load
from pencere.web.country import country
from pencere.web.stateregister.domain import founding, loading
from pencere.web.stateregister.models import Traffic

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
VOCABULARIES = Path(__file__).parents[3].parent / "shared" / "data" / "vocab"


@pytest.fixture
def founded(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found the register and load the code lists, at a moment that stands."""
    monkeypatch.setattr(settings, "CLOCK", FixedClock(NOW))
    loading.load_country(country())
    founding.found(country(), at=NOW)
    load(read_code_lists(country()), at=NOW)


@pytest.fixture
def asked(db: None) -> Callable[..., Traffic]:
    """Record what a node counted: `asked("idda/portal", "bpqmi/population/person")`."""

    def record(
        consumer: str, service: str, *, day: date = TODAY, outcome: str = "answered", count: int = 5
    ) -> Traffic:
        return Traffic.objects.create(
            day=day, node="AZ/GOV/azintelecom/node", consumer=f"AZ/GOV/{consumer}",
            service=f"AZ/GOV/{service}", outcome=outcome, count=count, counted_at=NOW,
        )  # fmt: skip

    return record


@pytest.fixture
def shapes() -> Callable[[str], Path]:
    """Give the path of a file of shapes, or skip and say so."""

    def find(name: str) -> Path:
        file = VOCABULARIES / name
        if not file.exists():
            pytest.skip(f"the folder ../shared with {name} is not here")
        return file

    return find
