"""Two authors of one body, and a process that knows nothing published when a test begins."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from pencere.web import editions
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models import Person


@pytest.fixture(autouse=True)
def no_edition() -> Iterator[None]:
    editions.put(editions.Edition())
    yield
    editions.put(editions.Edition())


@pytest.fixture
def author(make_person: Callable[..., Person]) -> Visit:
    return visit_of(make_person("5KQ2R7A", "Nigar"))


@pytest.fixture
def second(make_person: Callable[..., Person]) -> Visit:
    return visit_of(make_person("5KQ2R7B", "Orxan"))


@pytest.fixture
def stranger(make_person: Callable[..., Person]) -> Visit:
    return visit_of(make_person("5KQ2R7C", "Leyla"), body="idda")


def visit_of(person: Any, body: str = "dyp") -> Visit:
    return Visit(1, person, "high", settings.CLOCK.now(), (Office(body, "service-author"),))
