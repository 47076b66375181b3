"""Every address of a role, out of the URL configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from pencere.web.rules import Rule

ROLES = ("portal", "office")
PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>|\(\?P<(?P<group>\w+)>[^)]*\)")


@dataclass(frozen=True)
class Address:
    """A pattern with its rule; `parameters` by the names that the view knows."""

    name: str
    pattern: str
    rule: str
    parameters: tuple[str, ...]

    def with_values(self, values: dict[str, str]) -> str:
        def put(found: re.Match[str]) -> str:
            return values[found["name"] or found["group"]]

        return PARAMETER.sub(put, self.pattern)


def addresses(role: str) -> list[Address]:
    found = []
    for pattern, entry in _walk(get_resolver(f"pencere.web.urls.{role}"), "/"):
        rule = getattr(entry.callback, "rule", None)
        names = tuple(one["name"] or one["group"] for one in PARAMETER.finditer(pattern))
        said = rule.name if isinstance(rule, Rule) else "NONE"
        found.append(Address(entry.name or pattern, pattern, said, names))
    return found


def _walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        text = str(entry.pattern)
        if isinstance(entry.pattern, RegexPattern):
            text = text.strip("^$").replace("\\.", ".")
        if isinstance(entry, URLResolver):
            yield from _walk(entry, before + text)
        else:
            yield before + text, entry
