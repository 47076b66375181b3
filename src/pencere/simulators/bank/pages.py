"""The bank's pages: one payment, in three languages, without scripts."""

from pathlib import Path
from typing import Any

import jinja2
import yaml

from pencere.kernel.money import Qepik, format_amount
from pencere.simulators.bank.orders import Order

LANGUAGES = ("az", "en", "ru")
_HERE = Path(__file__).parent


class Pages:
    """Renders pages from the templates and the texts beside this module."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = yaml.safe_load(
            (_HERE / "texts.yaml").read_text("utf-8")
        )
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self.stylesheet = (_HERE / "bank.css").read_text("utf-8")

    def payment(self, order: Order, *, language: str) -> str:
        """Return the page of an order: the choice while it waits, else what became of it."""
        template = "pay.html" if order.state == "waiting" else "done.html"
        return self._render(
            template,
            language=language,
            title=self._texts["title"][language],
            languages=LANGUAGES,
            order=order,
            amount=format_amount(Qepik(order.amount), language),
            purpose=order.description[language],
        )

    def error(self, key: str, *, language: str) -> str:
        """Return the page that says why there is no payment; `key` names a text of the table."""
        return self._render(
            "error.html",
            language=language,
            title=self._texts["error_title"][language],
            languages=(),
            message=self._texts[key][language],
        )

    def _render(self, template: str, *, language: str, **facts: Any) -> str:
        def say(key: str) -> str:
            return self._texts[key][language]

        return self._environment.get_template(template).render(say=say, language=language, **facts)
