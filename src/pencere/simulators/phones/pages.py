"""The phone's pages in three languages. They work without scripts."""

from pathlib import Path
from typing import Any

import jinja2
import yaml

from pencere.simulators.phones.phone import Screen

LANGUAGES = ("az", "en", "ru")
_HERE = Path(__file__).parent


class Pages:
    """Renders pages from the templates and texts beside this module."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = yaml.safe_load(
            (_HERE / "texts.yaml").read_text("utf-8")
        )
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def say(self, key: str, language: str, **facts: object) -> str:
        """Return a sentence; `key` is an error code with underscores or a name of the table."""
        texts = self._texts.get(key.replace(".", "_")) or self._texts["error"]
        return texts[language].format(**facts)

    def listing(self, screens: list[Screen], *, language: str) -> str:
        """Return the list of phones."""
        return self._render("list.html", language, path="", screens=screens, refresh_s=5)

    def new(self, *, language: str, error: str | None = None) -> str:
        """Return the form for a new phone; `error` is a sentence."""
        return self._render("new.html", language, path="new", error=error, refresh_s=0)

    def phone(
        self, screen: Screen, *, language: str, error: str | None = None, notice: str | None = None
    ) -> str:
        """Return one phone's page; `error` and `notice` are sentences."""
        is_idle = screen.request is None and not screen.blocked
        return self._render(
            "phone.html",
            language,
            path=f"phones/{screen.card.name}",
            screen=screen,
            error=error,
            notice=notice,
            refresh_s=2 if is_idle else 0,
        )

    def missing(self, *, language: str) -> str:
        """Return the page for an address with nothing behind it."""
        return self._render("missing.html", language, path="", refresh_s=0)

    def _render(self, template: str, language: str, **facts: Any) -> str:
        def say(key: str, **values: object) -> str:
            return self.say(key, language, **values)

        return self._environment.get_template(template).render(
            say=say, language=language, languages=LANGUAGES, **facts
        )
