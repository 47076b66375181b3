"""The practice statement is served, whole in each language."""

from html.parser import HTMLParser

import requests
from tests.trust.conftest import Service


class Words(HTMLParser):
    """Counts the paragraphs of each language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, int] = {}
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.language = dict(attrs).get("lang") or self.language
        if tag == "p":
            self.found[self.language] = self.found.get(self.language, 0) + 1


def test_the_statement_is_there_in_three_languages(service: Service) -> None:
    answer = requests.get(f"{service.base_url}/cps", timeout=10)

    words = Words()
    words.feed(answer.text)
    assert (answer.status_code, words.found) == (200, {"az": 6, "en": 6, "ru": 6})
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
