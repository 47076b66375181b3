"""Public pages through the whole stack: kept for everybody, light, nobody's cookie in them."""

import gzip
import re

import pytest
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY

from pencere.web.middleware.notices import Notices

pytestmark = pytest.mark.django_db

PAGES = ["", "services/", "services/driving-licence-replace/", "life/car/", "help/", "about/"]
FIRST_VISIT_BYTES, NEXT_BYTES = 60_000, 15_000


def hits() -> float:
    return REGISTRY.get_sample_value("pencere_page_cache_lookups_total", {"result": "hit"}) or 0.0


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_a_public_page_is_kept_and_light(path: str, language: str) -> None:
    browser = Client(headers={"Accept-Encoding": "gzip"})
    address = f"/{language}/{path}"
    first = browser.get(address)
    before = hits()
    second = browser.get(address)

    assert hits() - before == 1
    assert (first.content, dict(first.cookies)) == (second.content, {})
    assert first["Vary"] == "Cookie, Accept-Encoding"
    assert first["Cache-Control"] == "private, no-cache"
    assert len(first.content) < NEXT_BYTES


def test_a_first_visit_with_styles_and_script_is_light() -> None:
    browser = Client(headers={"Accept-Encoding": "gzip"})
    page = browser.get("/az/services/")
    parts = re.findall(r'"(/static/[^"]+)"', gzip.decompress(page.content).decode())
    answers = [browser.get(part) for part in sorted(set(parts))]

    assert len(answers) == 3
    assert {answer["Content-Encoding"] for answer in answers} == {"gzip"}
    assert {answer["Cache-Control"] for answer in answers} == {
        "public, max-age=31536000, immutable"
    }
    assert sum(len(answer.content) for answer in [page, *answers]) < FIRST_VISIT_BYTES


def looked_for_notices(request: HttpRequest) -> HttpResponse:
    """A page that shows what notices there are."""
    notices = Notices(request)
    said = ", ".join(str(notice) for notice in notices)
    response = HttpResponse(said)
    notices.update(response)
    return response


def test_looking_for_notices_in_vain_sets_no_cookie() -> None:
    response = looked_for_notices(RequestFactory().get("/az/"))

    assert (response.content, dict(response.cookies)) == (b"", {})


def test_a_notice_is_shown_once_and_its_cookie_deleted() -> None:
    writer, kept = Notices(RequestFactory().get("/az/")), HttpResponse()
    writer.add(messages.INFO, "x")
    writer.update(kept)
    (name,) = kept.cookies
    request = RequestFactory().get("/az/")
    request.COOKIES[name] = kept.cookies[name].value

    response = looked_for_notices(request)

    assert response.content == b"x"
    assert response.cookies[name].value == ""
