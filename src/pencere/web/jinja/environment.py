"""The environments that pages are compiled in, one for each language."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from django.urls import reverse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from markupsafe import Markup

from pencere.kernel.dates import format_date, format_instant
from pencere.kernel.money import format_amount
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.jinja.icons import icon
from pencere.web.jinja.sentences import JOIN, SentenceResolver, join_sentence
from pencere.web.static_files import static_url
from pencere.web.texts import texts

WEB = Path(__file__).parents[1]
COMPONENTS = "components"

# The one template of that folder that is a page and no set of macros.
FRAME = "page.jinja"


class PageEnvironment(Environment):
    """Pages in one language. Template names are paths below `pencere/web`."""

    def __init__(self, language: str) -> None:
        super().__init__(
            loader=FileSystemLoader(WEB),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
            extensions=["jinja2.ext.do"],
        )
        self.language = language
        say = texts().say

        def t(key: str, **facts: object) -> str:
            return say(key, language, **facts)

        def in_this_language(value: Text | str) -> str:
            return value if isinstance(value, str) else value.in_language(language)

        self.globals.update(
            {JOIN: join_sentence},
            t=t,
            url=reverse,
            static=static_url,
            icon=icon,
            language=language,
            languages=LANGUAGES,
            ui=Components(self),
        )
        self.filters.update(
            text=in_this_language,
            money=lambda qepik: format_amount(qepik, language),
            date=lambda value: format_date(value, language),
            instant=lambda value: format_instant(value, language),
        )

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        resolved = SentenceResolver(texts(), self.language, name, filename).visit(tree)
        if not isinstance(resolved, nodes.Template):
            raise TypeError("a template's tree begins with a template")
        return resolved


class Components:
    """`ui.button(...)` in a template is the macro `button` of `components/button.jinja`."""

    def __init__(self, environment: PageEnvironment) -> None:
        self._environment = environment
        self._macros: dict[str, Callable[..., Markup]] = {}

    def __getattr__(self, name: str) -> Callable[..., Markup]:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._macros:
            self._macros = dict(_macros(self._environment))
        try:
            return self._macros[name]
        except KeyError:
            raise AttributeError(f"no component {name!r} in web/components") from None


def _macros(environment: PageEnvironment) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted((WEB / COMPONENTS).glob("*.jinja")):
        if file.name == FRAME:
            continue
        module = environment.get_template(f"{COMPONENTS}/{file.name}").module
        found.update({k: v for k, v in vars(module).items() if not k.startswith("_")})
    return found


@cache
def environment(language: str) -> PageEnvironment:
    """Return the environment of a language, made once a process."""
    return PageEnvironment(language)


def compile_everything() -> int:
    """Compile every template, so that a wrong sentence stops the start and not a reader.

    Returns:
        The number of templates.
    """
    names = sorted(str(file.relative_to(WEB)) for file in WEB.rglob("*.jinja"))
    for name in names:
        environment(LANGUAGES[0]).get_template(name)
    return len(names)
