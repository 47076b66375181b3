"""The page that shows what arrived, in three languages, without scripts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import yaml

from pencere.kernel.dates import format_instant
from pencere.simulators.post.box import Letter

LANGUAGES = ("az", "en", "ru")
SHOWN = 50
_HERE = Path(__file__).parent


class Pages:
    """Renders the page from the template and the texts beside this module."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = yaml.safe_load(
            (_HERE / "texts.yaml").read_text("utf-8")
        )
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self.stylesheet = (_HERE / "post.css").read_text("utf-8")

    def letters(self, letters: Sequence[Letter], *, language: str) -> str:
        """Return the page."""

        def say(key: str) -> str:
            return self._texts[key][language]

        def when(seconds: int) -> str:
            return format_instant(datetime.fromtimestamp(seconds, UTC), language)

        return self._environment.get_template("letters.html").render(
            say=say, when=when, language=language, languages=LANGUAGES, letters=letters[:SHOWN]
        )
