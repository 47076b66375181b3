"""What a person sees when something is refused or fails."""

import json
import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from django.utils import translation

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.web.middleware.errors import answer, fault_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x.y"), 400),
        (Refused("x.y"), 403),
        (PermissionDenied(), 403),
        (Missing("x.y"), 404),
        (Http404(), 404),
        (Conflict("x.y"), 409),
        (Unavailable("x.y"), 503),
        (OperationalError("no server"), 503),
        (ZeroDivisionError(), 500),
    ],
)
@pytest.mark.parametrize(
    ("language", "word"),
    [("az", "Ana səhifəyə keç"), ("en", "Go to the start page"), ("ru", "главную страницу")],
)
def test_every_error_has_a_page_in_every_language(
    error: Exception, status: int, language: str, word: str
) -> None:
    request = RequestFactory().get(f"/{language}/x/")

    with translation.override(language):
        page = answer(request, error)

    assert page.status_code == status
    assert word in page.content.decode()


def test_a_code_with_its_own_sentence_is_said_with_its_facts() -> None:
    fault = fault_of(Refused("limit.reached", n=2))

    assert fault.sentence("ru") == "Слишком много попыток. Повторите через 2 минуты."


def test_a_fault_of_ours_is_logged_under_the_number_the_person_sees(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = RequestFactory().get("/en/x/", HTTP_ACCEPT="application/json")

    with translation.override("en"), caplog.at_level(logging.ERROR):
        said = json.loads(answer(request, ZeroDivisionError("secret 5KQ2R7A")).content)

    assert said["code"] == "http.500"
    assert f"incident={said['incident']}" in caplog.text
    assert "5KQ2R7A" not in json.dumps(said)


def test_a_page_that_is_not_there_offers_the_search() -> None:
    page = Client().get("/en/no-such-page/")

    assert page.status_code == 404
    assert 'role="search"' in page.content.decode()


def test_a_form_without_its_token_is_refused_in_words() -> None:
    client = Client(enforce_csrf_checks=True)

    page = client.post("/en/sign-in/", {"fin": "5KQ2R7A"})

    assert page.status_code == 403
    assert "<h1>The page is out of date</h1>" in page.content.decode()
    assert "The page was open for too long" in page.content.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_an_address_that_takes_only_forms_says_so(method: str) -> None:
    page = Client().generic(method, "/en/sign-in/cancel/")

    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert ("<h1>This address cannot be opened by itself</h1>" in page.content.decode()) == (
        method != "HEAD"
    )
