"""Every component with its states, in the reader's language, beside the call that makes it.

The examples stand in `examples.yaml`: for each macro a list of states with the arguments of the
call. A mapping `{az, en, ru}` among the arguments is a text. What a macro takes is read from the
comment at the head of its file, so page and code cannot differ.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from markupsafe import Markup

from pencere.kernel.text import LANGUAGES
from pencere.web.jinja.environment import WEB, environment
from pencere.web.middleware.page_cache import page_cache
from pencere.web.rules import public, rule
from pencere.web.texts import current_language

CACHED_S = 3600


@dataclass(frozen=True, slots=True)
class Example:
    """One state of a component."""

    state: str
    call: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Component:
    """A macro with its states."""

    name: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of `web/components` with what its head says."""

    name: str
    head: str
    components: tuple[Component, ...]


@rule(public)
@require_safe
@page_cache(CACHED_S)
def components(request: HttpRequest) -> HttpResponse:
    """Show all components."""
    files = component_files(current_language())
    return render(request, "portal/components_page/components.jinja", {"files": files})


@cache
def component_files(language: str) -> tuple[File, ...]:
    """Return the components of each file with their examples rendered."""
    examples = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text("utf-8"))
    return tuple(
        File(
            name,
            _head(name),
            tuple(_component(macro, states, language) for macro, states in macros.items()),
        )
        for name, macros in examples.items()
    )


def _component(macro: str, states: list[Mapping[str, Any]], language: str) -> Component:
    ui = environment(language).globals["ui"]
    examples = []
    for state in states:
        arguments = _said(state.get("args", {}), language)
        inside = _said(state.get("inside"), language)
        html = getattr(ui, macro)(**_callable(arguments, inside))
        examples.append(Example(_said(state["state"], language), _call(macro, arguments), html))
    return Component(macro, tuple(examples))


def _callable(arguments: dict[str, Any], inside: str | None) -> dict[str, Any]:
    """A component that holds words takes them as the body of a call block."""
    if inside is None:
        return arguments
    return {**arguments, "caller": lambda: Markup("<p>{}</p>").format(inside)}


def _said(value: Any, language: str) -> Any:
    if isinstance(value, Mapping):
        if set(value) == set(LANGUAGES):
            return value[language]
        return {key: _said(below, language) for key, below in value.items()}
    if isinstance(value, list):
        return [_said(below, language) for below in value]
    return value


def _call(macro: str, arguments: Mapping[str, Any]) -> str:
    said = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
    )
    return f"ui.{macro}({said})"


def _head(name: str) -> str:
    source = (WEB / "components" / f"{name}.jinja").read_text("utf-8")
    return source.partition("{#-")[2].partition("-#}")[0].strip("\n ")
