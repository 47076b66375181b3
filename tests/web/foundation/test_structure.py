"""Every address of both roles is walked: each view has a rule, no pattern is given twice."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from pencere.web.jinja.environment import compile_everything
from pencere.web.rules import Rule

ROLES = ["pencere.web.urls.portal", "pencere.web.urls.office"]


def walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, path)
        else:
            yield path, entry


@pytest.mark.parametrize("urlconf", ROLES)
def test_every_view_carries_a_rule(urlconf: str) -> None:
    without = [
        path
        for path, entry in walk(get_resolver(urlconf))
        if not isinstance(getattr(entry.callback, "rule", None), Rule)
    ]

    assert without == []


@pytest.mark.parametrize("urlconf", ROLES)
def test_no_address_is_given_twice(urlconf: str) -> None:
    counted = Counter(path for path, _ in walk(get_resolver(urlconf)))

    assert [path for path, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("urlconf", ROLES)
def test_no_address_takes_a_personal_number(urlconf: str) -> None:
    suspicious = [
        path for path, _ in walk(get_resolver(urlconf)) if "fin>" in path or "phone>" in path
    ]

    assert suspicious == []


def test_every_template_compiles_with_its_sentences() -> None:
    assert compile_everything() > 10
