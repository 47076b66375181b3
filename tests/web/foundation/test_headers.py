"""Headers, static files, health, language."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from pencere.web.people.models import Person
from pencere.web.static_files import static_url

pytestmark = pytest.mark.django_db


def test_a_page_may_do_nothing_it_does_not_need() -> None:
    page = Client().get("/az/help/")

    assert page["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in page["Content-Security-Policy"]
    assert page["X-Content-Type-Options"] == "nosniff"
    assert page["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "path", ["/az/", "/az/services/", "/az/sign-in/", "/az/components/", "/az/help/"]
)
def test_no_page_has_a_style_or_a_script_inside(path: str) -> None:
    page = Client().get(path).content.decode()

    assert re.findall(r'<style|\sstyle="|<script(?! src=)|\son\w+="', page) == []


def test_a_page_of_a_person_is_kept_nowhere(person: Person, sign_in: Callable[..., Client]) -> None:
    assert sign_in(person).get("/az/help/")["Cache-Control"] == "no-store"


def test_a_static_file_has_its_digest_in_its_name_and_stays_for_ever() -> None:
    address = static_url("look.css")

    file = Client().get(address)

    assert re.fullmatch(r"/static/look\.[0-9a-f]{12}\.css", address)
    assert file["Cache-Control"] == "public, max-age=31536000, immutable"
    assert Client().get("/static/look.000000000000.css").status_code == 404


def test_health_says_that_the_database_answers() -> None:
    assert Client().get("/healthz").json() == {
        "healthy": True,
        "checks": [{"name": "database", "ok": True, "detail": "answers"}],
    }


def test_metrics_are_for_this_machine_only() -> None:
    near = Client().get("/metrics")
    far = Client().get("/metrics", REMOTE_ADDR="10.0.0.7")
    through_a_proxy = Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.7"})

    assert (near.status_code, far.status_code, through_a_proxy.status_code) == (200, 403, 403)


@pytest.mark.parametrize(
    ("asked", "language"),
    [("", "az"), ("ru", "ru"), ("de,en;q=0.8,ru;q=0.9", "ru"), ("tr", "az"), ("en;q=x,az", "az")],
)
def test_the_bare_address_leads_to_the_language_the_browser_asks_for(
    asked: str, language: str
) -> None:
    answer = Client().get("/", headers={"Accept-Language": asked})

    assert answer["Location"] == f"/{language}/"


def test_the_language_switch_keeps_the_place_and_the_question() -> None:
    page = Client().get("/az/services/?by=body").content.decode()

    assert 'href="/ru/services/?by=body" lang="ru"' in page


def test_the_log_of_requests_names_routes_and_no_addresses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", logger="pencere.web.requests"):
        Client().get("/az/services/driving-licence-replace/?fin=5KQ2R7A")

    assert "route=az/services/<slug:service_id>/" in caplog.text
    assert "5KQ2R7A" not in caplog.text


def test_every_page_is_small_on_the_first_visit() -> None:
    def over_the_wire(path: str) -> int:
        return len(Client().get(path, headers={"Accept-Encoding": "gzip"}).content)

    frame = sum(over_the_wire(static_url(n)) for n in ("look.css", "pencere.js", "window.svg"))
    sizes = {
        path: frame + over_the_wire(path)
        for path in ("/az/", "/az/services/", "/az/components/", "/ru/help/", "/az/sign-in/")
    }

    assert {path: size for path, size in sizes.items() if size > 60_000} == {}
