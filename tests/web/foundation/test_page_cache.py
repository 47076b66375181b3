"""The page cache keeps what is everybody's, and nothing that is somebody's."""

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from pencere.web.middleware.page_cache import LARGEST_PAGE_BYTES, PageCache


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class View:
    """Counts how often it is asked and says so."""

    def __init__(self, change: Callable[[HttpResponse], None] = lambda _: None) -> None:
        self.asked = 0
        self._change = change

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        response = HttpResponse(f"page {self.asked} of {request.path}" + " " * 700)
        response.page_cache_s = 60  # type: ignore[attr-defined]
        self._change(response)
        return response


requests = RequestFactory()


def body(response: HttpResponse) -> str:
    return response.content.decode().strip()


def test_the_second_reader_gets_the_kept_page() -> None:
    view = View()
    cache = PageCache(view, Time())

    answers = [body(cache(requests.get("/az/"))) for _ in range(2)]

    assert answers == ["page 1 of /az/", "page 1 of /az/"]
    assert view.asked == 1


def test_each_language_and_each_host_has_its_own_page() -> None:
    cache = PageCache(View(), Time())

    answers = [
        body(cache(requests.get("/az/"))),
        body(cache(requests.get("/en/"))),
        body(cache(requests.get("/az/", HTTP_HOST="other"))),
    ]

    assert answers == ["page 1 of /az/", "page 2 of /en/", "page 3 of /az/"]


def test_just_before_its_time_a_page_is_kept_and_then_it_is_not() -> None:
    time = Time()
    cache = PageCache(View(), time)
    cache(requests.get("/az/"))

    time.now = 59.9
    just_before = body(cache(requests.get("/az/")))
    time.now = 60.0
    then = body(cache(requests.get("/az/")))

    assert (just_before, then) == ("page 1 of /az/", "page 2 of /az/")


@pytest.mark.parametrize(
    "request_",
    [
        requests.get("/az/", HTTP_COOKIE="portal=abc"),
        requests.get("/az/", {"q": "x"}),
        requests.post("/az/"),
        requests.head("/az/"),
        requests.get("/az/", HTTP_AUTHORIZATION="Bearer x"),
        requests.get("/az/", HTTP_RANGE="bytes=0-1"),
        requests.get("/v/abc"),
    ],
    ids=["cookie", "query", "post", "head", "authorisation", "range", "no language in the path"],
)
def test_a_request_that_may_be_someones_passes_by(request_: HttpRequest) -> None:
    view = View()
    cache = PageCache(view, Time())
    cache(requests.get(request_.path))

    cache(request_)

    assert view.asked == 2


def set_cookie(response: HttpResponse) -> None:
    response.set_cookie("portal-csrf", "secret")


def vary(response: HttpResponse) -> None:
    response["Vary"] = "Cookie, Accept"


def fail(response: HttpResponse) -> None:
    response.status_code = 404


def unmark(response: HttpResponse) -> None:
    del response.page_cache_s  # type: ignore[attr-defined]


def swell(response: HttpResponse) -> None:
    response.content = b"x" * (LARGEST_PAGE_BYTES + 1)


@pytest.mark.parametrize("change", [set_cookie, vary, fail, unmark, swell])
def test_an_answer_that_is_someones_is_not_kept(change: Callable[[HttpResponse], None]) -> None:
    view = View(change)
    cache = PageCache(view, Time())

    cache(requests.get("/az/"))
    cache(requests.get("/az/"))

    assert view.asked == 2


def test_who_takes_packed_pages_gets_them_packed_with_their_length() -> None:
    cache = PageCache(View(lambda r: r.headers.setdefault("Content-Length", "999")), Time())
    cache(requests.get("/az/"))

    packed = cache(requests.get("/az/", HTTP_ACCEPT_ENCODING="gzip"))

    assert packed["Content-Encoding"] == "gzip"
    assert packed["Content-Length"] == str(len(packed.content))
    assert packed["Vary"] == "Cookie, Accept-Encoding"


def test_a_browser_that_holds_the_page_is_told_so() -> None:
    cache = PageCache(View(), Time())
    etag = cache(requests.get("/az/"))["ETag"]

    answer = cache(requests.get("/az/", HTTP_IF_NONE_MATCH=etag))

    assert (answer.status_code, answer.content) == (304, b"")


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pencere.web.middleware.page_cache.LARGEST_CACHE_BYTES", 2_000)
    view = View()
    cache = PageCache(view, Time())

    for number in range(5):
        cache(requests.get(f"/az/{number}/"))
    cache(requests.get("/az/0/"))

    assert view.asked == 6
