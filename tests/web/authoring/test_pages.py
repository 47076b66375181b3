"""The author's pages: write, propose, publish as two people do it in two browsers."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import clear_url_caches, set_urlconf

from pencere.web.authoring.models import PublishedVersion, ServiceDraft
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.people.domain.visit import Visit

LIST = "/en/services/drafts/"


@pytest.fixture(autouse=True)
def office(settings: object) -> None:
    settings.ROOT_URLCONF = "pencere.web.urls.office"  # type: ignore[attr-defined]
    clear_url_caches()
    set_urlconf(None)


@pytest.mark.django_db
def test_one_writes_and_another_publishes(
    author: Visit, second: Visit, sign_in: Callable[..., Client]
) -> None:
    here = sign_in(author.person, ("dyp", "service-author"))
    there = sign_in(second.person, ("dyp", "service-author"))
    page = here.post(LIST, {"service": "bee-garden", "body": "dyp"})["Location"]
    draft = ServiceDraft.objects.get()
    assert page == f"{LIST}{draft.pk}/"
    file = f"{page}files/service.yaml/"
    text = draft.saves.get(name="service.yaml").text.replace("A new service", "<b>Bee garden")
    assert here.post(file, {"text": text, "seen": 3}).status_code == 302
    lost = there.post(file, {"text": "mine: 1", "seen": 3})
    assert lost.status_code == 409
    assert b"mine: 1" in lost.content
    assert b"&lt;b&gt;Bee garden" in lost.content
    assert b"<b>Bee" not in here.get(page).content + here.get(file).content
    proposal = here.post(page, {"reason": "bees", "revision": 4})["Location"]
    assert b'value="publish"' not in here.get(proposal).content
    assert here.post(proposal, {"do": "publish"}).status_code == 403
    assert b'value="publish"' in there.get(proposal).content

    assert there.post(proposal, {"do": "publish"}).status_code == 302
    assert there.post(proposal, {"do": "publish"}).status_code == 409

    assert PublishedVersion.objects.count() == 1
    assert catalogue().get("bee-garden").names.en == "<b>Bee garden"


@pytest.mark.django_db
def test_an_author_of_another_body_finds_nothing(
    author: Visit, stranger: Visit, sign_in: Callable[..., Client]
) -> None:
    here = sign_in(author.person, ("dyp", "service-author"))
    page = here.post(LIST, {"service": "bee-garden", "body": "dyp"})["Location"]
    there = sign_in(stranger.person, ("idda", "service-author"))

    found = [
        there.get(f"{page}{part}").status_code for part in ("", "package/", "files/cases.yaml/")
    ]

    assert found == [404, 404, 404]
    proposal = here.post(page, {"reason": "bees", "revision": 3})["Location"]
    assert there.get(proposal).status_code == 404
    assert there.post(proposal, {"do": "publish"}).status_code == 404
    assert there.post(LIST, {"service": "bee-wax", "body": "dyp"}).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "said"),
    [("az", "Müraciət edən"), ("en", "Asked only when"), ("ru", "Спрашивается")],
)
def test_a_draft_is_seen_as_its_applicants_will_meet_it(
    author: Visit, sign_in: Callable[..., Client], language: str, said: str
) -> None:
    here = sign_in(author.person, ("dyp", "service-author"))
    page = here.post(LIST, {"service": "driving-licence-replace", "body": "dyp"})["Location"]
    place = f"{page}preview/".replace("/en/", f"/{language}/")

    shown = here.get(place)
    text = shown.content.decode()

    assert shown.status_code == 200
    assert text.count("disabled") >= 5
    assert "answers.reason == &#39;lost&#39;" in text
    if language != "az":
        assert said in text


@pytest.mark.django_db
def test_a_draft_that_cannot_be_read_has_no_preview(
    author: Visit, sign_in: Callable[..., Client]
) -> None:
    here = sign_in(author.person, ("dyp", "service-author"))
    page = here.post(LIST, {"service": "bee-garden", "body": "dyp"})["Location"]
    here.post(f"{page}files/service.yaml/", {"text": "service: [", "seen": 3})

    answer = here.get(f"{page}preview/")

    assert (answer.status_code, answer["Location"]) == (302, page)


@pytest.mark.django_db
def test_a_service_is_taken_back_with_a_reason_by_its_own_body(
    author: Visit, stranger: Visit, sign_in: Callable[..., Client]
) -> None:
    place = "/en/services/driving-licence-replace/withdraw/"
    here = sign_in(author.person, ("dyp", "service-author"))
    there = sign_in(stranger.person, ("idda", "service-author"))

    listed = here.get(LIST).content.decode()
    foreign = [there.get(place).status_code, there.post(place, {"reason": "x"}).status_code]
    page, empty = here.get(place), here.post(place, {"reason": " "})
    done = [here.post(place, {"reason": "A new law."}).status_code for _ in range(2)]

    assert place in listed
    assert foreign == [403, 403]
    assert (page.status_code, empty.status_code, done) == (200, 422, [302, 302])
    assert not catalogue().get("driving-licence-replace").is_executable
    assert here.get("/en/services/no-such-service/withdraw/").status_code == 404
