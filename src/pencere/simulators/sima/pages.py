"""The application's pages in three languages. They work without scripts."""

from pathlib import Path
from typing import Any

import jinja2
import yaml

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
        """Return a sentence; `key` is an error code or a name of the table."""
        texts = self._texts.get(key.replace(".", "_")) or self._texts["error"]
        return texts[language].format(**facts)

    def page(self, template: str, language: str, **facts: Any) -> str:
        """Return a page; `path` among the facts is its address behind the language."""

        def say(key: str, **values: object) -> str:
            return self.say(key, language, **values)

        return self._environment.get_template(template).render(
            say=say, language=language, languages=LANGUAGES, **facts
        )
