"""A form with every type of question, written in a browser without a script."""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from playwright.sync_api import Route, sync_playwright

import pencere.web
from pencere.countries.country import Country, load_folder
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, definitions, drafts, reading
from pencere.web.cases.models import Case, Draft
from pencere.web.country import country
from pencere.web.exchange import Record
from pencere.web.people.models import HeldForm, Person

TESTS = Path(__file__).parents[2] / "services"
STATIC = Path(pencere.web.__file__).parent / "static"
PDF = b"%PDF-1.4 a paper"
VALUES = {
    "gear": {"gear": "net"},
    "boat": {"boat": "01 ab 123"},
    "spare": {},
    "mate": {},
    "firm": {"firm": "1234567091"},
    "fish": {"fish": ["cod", "ray"]},
    "catches": {"catches": "29.02.2024;cod;7;2.50;🐟", "paste": "1"},
    "length": {"length": "12,5"},
    "mail": {"mail": "a@example.az"},
    "account": {"account": "AZ21NABZ00000000137010001944"},
    "harbour": {"harbour": "other", "harbour-region": "IS-N", "harbour-line": "Sea road 1"},
    "spot": {"spot-latitude": "0.5", "spot-longitude": "11"},
    "papers": {},
    "sworn": {"sworn": "yes"},
}


@pytest.fixture
def island(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The portal of the invented country."""
    folder = tmp_path / "island"
    shutil.copytree(TESTS / "island", folder)
    shutil.copytree(TESTS / "sea-log", folder / "services" / "sea-log")
    monkeypatch.setattr(Country, "load", staticmethod(lambda _code: load_folder(folder)))
    country.cache_clear()
    definitions.law.cache_clear()
    yield
    country.cache_clear()
    definitions.law.cache_clear()


@pytest.fixture
def browser(
    island: None,
    applicant: Person,
    registers: Any,
    sign_in: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    for module in ("opening", "check", "confirming"):
        monkeypatch.setattr(f"pencere.web.portal.applications.{module}.gateway", lambda: registers)
    registers.records = {"sea/fishing-licence": [_licence(applicant.fin, "2027-02-28")]}
    return sign_in(applicant)


def _licence(person: str, ends: str | None) -> Record:
    data = {"person": person, "number": "A-07", "gear": "rod"}
    return Record("1", 1, "valid", "2026-01-01", data | ({"ends": ends} if ends else {}))


@pytest.fixture
def address(browser: Client) -> str:
    first = browser.get("/en/apply/sea-log/").headers["location"]
    return first.removesuffix("gear/")


def _fill(browser: Client, address: str) -> None:
    for question, fields in {"permit_ends": {}, **VALUES}.items():
        answer = browser.post(f"{address}{question}/", fields)
        assert answer.status_code == 302, (question, answer.content.decode()[:3000])


def answers_of(clock: FixedClock) -> dict[str, object]:
    return dict(drafts.writing(draft=Draft.objects.get(), at=clock.now()).answers)


def test_every_type_is_asked_answered_checked_and_sent(
    browser: Client, address: str, clock: FixedClock
) -> None:
    _fill(browser, address)
    check = browser.get(f"{address}check/".replace("question/", "")).content.decode()
    sent = browser.post(f"{address}check/".replace("question/", ""))
    page = browser.get(sent.headers["location"]).content.decode()

    for words in (
        "28 February 2027",
        "Cod, Ray",
        "12.5 m",
        "Şimal, Sea road 1",
        "7 kg",
        "0.500000, 11.000000",
        "Agreed",
        "01-AB-123",
        "🐟",
    ):
        assert words in check, words
        assert words in page or words in {"28 February 2027"}, words
    assert Case.objects.count() == 1


@pytest.mark.parametrize("question", [*VALUES, "permit_ends"])
def test_each_page_reads_well_in_three_languages(
    browser: Client, address: str, question: str
) -> None:
    for language in ("az", "en", "ru"):
        page = browser.get(f"{address}{question}/".replace("/en/", f"/{language}/"))
        text = page.content.decode()
        assert page.status_code in {200, 302}
        assert page.status_code == 302 or text.count("<h1") == 1
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("question", [*VALUES, "permit_ends", "weight", "unknown", "own:gear"])
@pytest.mark.parametrize(
    "typed", ["\x00\u202e", "9" * 5000, "😀👩‍👩‍👧", "<script>", "{{7*7}}"], ids=ascii
)
def test_nothing_breaks_whatever_is_typed(
    browser: Client, address: str, clock: FixedClock, question: str, typed: str
) -> None:
    fields = {
        f"{question}{part}": typed
        for part in ("", "-line", "-region", "-latitude", "-longitude", "-own")
    }

    answer = browser.post(
        f"{address}{question}/", {**fields, "turn": typed, "weight": "1", "extra": typed}
    )

    assert answer.status_code in {302, 404, 422}
    assert "<script><" not in answer.content.decode()
    assert not {"extra", "weight"} & {
        key for key, value in answers_of(clock).items() if value is not None
    }


def test_a_value_of_a_register_that_is_locked_counts_and_the_own_word_stands_beside(
    browser: Client, address: str, clock: FixedClock
) -> None:
    page = browser.get(f"{address}permit_ends/").content.decode()
    forged = {"permit_ends-day": "1", "permit_ends-month": "1", "permit_ends-year": "2030"}
    _fill(browser, address)
    browser.post(f"{address}permit_ends/", {**forged, "permit_ends-own": "It ends on 1 March 2030"})
    check = f"{address}check/".replace("question/", "")
    shown = browser.get(check).content.decode()
    browser.post(check)

    opened = reading.open_case(Case.objects.get(), at=clock.now())
    assert "28 February 2027" in page
    assert 'name="permit_ends-day"' not in page
    assert "It ends on 1 March 2030" in shown
    assert opened.application["answers"]["permit_ends"] == "2027-02-28"
    assert opened.application["own_words"] == {"permit_ends": "It ends on 1 March 2030"}


def test_what_a_register_knows_stands_in_the_field_with_its_source_and_may_be_changed(
    browser: Client, address: str, clock: FixedClock
) -> None:
    page = browser.get(f"{address}gear/").content.decode()
    browser.post(f"{address}gear/", {"gear": "net"})

    assert re.search(r'value="rod"[^>]*checked', page)
    assert "From: Fishing licence" in page
    assert answers_of(clock)["gear"] == "net"


def test_a_person_is_looked_up_shown_and_taken_when_confirmed(
    browser: Client, address: str, registers: Any, clock: FixedClock
) -> None:
    registers.records = {"sea/fishing-licence": [_licence("4LEYL82", None)]}
    shown = browser.post(f"{address}mate/", {"mate": "4leyl82"})
    before = answers_of(clock).get("mate")
    other = browser.post(f"{address}mate/", {"mate": "5KQ2R7A", "confirm": "1"})
    browser.post(f"{address}mate/", {"mate": "5KQ2R7A", "confirm": "1"})

    assert (shown.status_code, before) == (200, None)
    assert "A-07" in shown.content.decode()
    # Another number than the one that was shown is looked up first, whatever is confirmed.
    assert other.status_code == 200
    assert answers_of(clock)["mate"] == {
        "number": "5KQ2R7A",
        "found": {"number": "A-07", "gear": "rod"},
    }
    asked = [purpose for register, purpose in registers.asked if register == "sea/fishing-licence"]
    assert asked[-1].code == "fishing"


def test_a_person_the_register_does_not_know_is_told_clearly(
    browser: Client, address: str, registers: Any, clock: FixedClock
) -> None:
    browser.get(f"{address}mate/")
    registers.records = {
        "sea/fishing-licence": [replace(_licence("4LEYL82", None), state="annulled")]
    }

    answer = browser.post(f"{address}mate/", {"mate": "4LEYL82"})

    assert answer.status_code == 422
    assert "The register has no person with this number." in answer.content.decode()


def test_a_form_is_no_way_to_walk_through_a_register(
    browser: Client, address: str, registers: Any
) -> None:
    statuses = [browser.post(f"{address}mate/", {"mate": "4LEYL82"}).status_code for _ in range(21)]

    assert statuses[:20] == [200] * 20
    assert statuses[20] == 403


def test_rows_are_added_changed_and_removed_without_a_script(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})
    row = {"day-day": "29", "day-month": "2", "day-year": "2024", "kind": "cod", "weight": "7"}
    more = browser.post(f"{address}catches/row/0/", {**row, "another": "1"}).headers["location"]
    back = browser.post(more, {**row, "kind": "eel", "weight": "3"}).headers["location"]
    wrong = browser.post(f"{address}catches/row/2/", {**row, "day-year": "2023", "weight": "x"})
    browser.post(f"{address}catches/row/2/", {**row, "weight": "30"})
    both = answers_of(clock)
    page = browser.get(f"{address}catches/").content.decode()
    browser.post(f"{address}catches/", {"remove": "1"})

    assert (more, back) == (f"{address}catches/row/0/", f"{address}catches/")
    assert wrong.status_code == 422
    assert 'href="#f-weight"' in wrong.content.decode()
    assert [one["weight"] for one in both["catches"]] == [7, 30]  # type: ignore[attr-defined]
    assert both["weight"] == 37
    assert "37 kg" in page
    # The field for pasting is empty: it adds rows, and those that are there are in the table.
    assert re.search(r"<textarea[^>]*></textarea>", page)
    assert [one["weight"] for one in answers_of(clock)["catches"]] == [30]  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", ["3", "999999999999"])
def test_a_row_that_is_not_there_leads_back(browser: Client, address: str, number: str) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})

    assert browser.get(f"{address}catches/row/{number}/").status_code == 302


def test_a_row_of_a_list_changed_in_another_tab_is_offered_as_a_new_one(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})
    browser.post(f"{address}catches/", {"catches": "1.2.2026;cod;5\n2.2.2026;eel;6"})
    browser.post(f"{address}catches/", {"remove": "1", "turn": "1"})
    row = {
        "day-day": "3",
        "day-month": "2",
        "day-year": "2026",
        "kind": "cod",
        "weight": "8",
        "turn": "1",
    }

    late = browser.post(f"{address}catches/row/1/", row)
    again = browser.post(f"{address}catches/", {"remove": "1", "turn": "1"})

    assert late.status_code == 409
    assert 'value="8"' in late.content.decode()
    assert again.status_code == 409
    assert [one["weight"] for one in answers_of(clock)["catches"]] == [6]  # type: ignore[attr-defined]


def test_a_table_too_long_or_wrong_is_refused_whole_and_what_was_pasted_stays(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})
    browser.post(f"{address}catches/", {"catches": "1.2.2026;cod;5\n" * 199})
    long = browser.post(f"{address}catches/", {"catches": "1.2.2026;cod;5\n" * 2})
    wrong = browser.post(f"{address}catches/", {"catches": "31.2.2026;cod;5"})

    assert (long.status_code, wrong.status_code) == (422, 422)
    assert "31.2.2026;cod;5" in wrong.content.decode()
    assert "Row 1, Day:" in wrong.content.decode()
    assert len(answers_of(clock)["catches"]) == 199  # type: ignore[arg-type]


def test_several_files_are_added_one_by_one_and_taken_away(
    browser: Client, address: str, clock: FixedClock
) -> None:
    def paper(name: str) -> SimpleUploadedFile:
        return SimpleUploadedFile(name, PDF, "application/pdf")

    browser.post(f"{address}papers/", {"papers": [paper("a.pdf"), paper("b.pdf")], "add": "1"})
    browser.post(f"{address}papers/", {"papers": [paper("c.pdf")], "add": "1"})
    many = browser.post(f"{address}papers/", {"papers": [paper("d.pdf")]})
    liar = browser.post(
        f"{address}papers/", {"papers": [SimpleUploadedFile("x.pdf", b"MZ\x90", "application/pdf")]}
    )
    kept = answers_of(clock)["papers"]
    assert isinstance(kept, list)
    browser.post(f"{address}papers/", {"remove": kept[1]["id"]})
    page = browser.get(f"{address}papers/").content.decode()

    assert [one["name"] for one in kept] == ["a.pdf", "b.pdf", "c.pdf"]
    assert (many.status_code, liar.status_code) == (422, 422)
    assert [one["name"] for one in answers_of(clock)["papers"]] == ["a.pdf", "c.pdf"]  # type: ignore[attr-defined]
    assert "b.pdf" not in page


def test_a_form_filled_in_before_an_answer_from_elsewhere_loses_nothing(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}mail/", {"mail": "first@example.az", "turn": "0"})
    late = browser.post(f"{address}mail/", {"mail": "second@example.az", "turn": "0"})
    text = late.content.decode()
    between = answers_of(clock)["mail"]
    same = browser.post(f"{address}mail/", {"mail": "first@example.az", "turn": "0"})
    browser.post(
        f"{address}mail/",
        {"mail": "second@example.az", "turn": re.findall(r'name="turn" value="(\d+)"', text)[0]},
    )

    assert (late.status_code, between) == (409, "first@example.az")
    assert "first@example.az" in text
    assert 'value="second@example.az"' in text
    assert same.status_code == 302
    # The second press of the same answer counted too, so the form of the conflict is late again.
    assert answers_of(clock)["mail"] == "first@example.az"


def test_what_is_kept_while_typing_does_not_make_its_own_form_late(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}mail/keep/", {"mail": "a@example.az", "turn": "0"})
    done = browser.post(f"{address}mail/", {"mail": "ab@example.az", "turn": "0"})
    browser.post(f"{address}mail/keep/", {"mail": "late@example.az", "turn": "0"})

    assert done.status_code == 302
    assert answers_of(clock)["mail"] == "ab@example.az"


def test_answers_of_an_earlier_application_are_offered_and_checked_again(
    browser: Client, address: str, clock: FixedClock
) -> None:
    _fill(browser, address)
    browser.post(f"{address}papers/", {"papers": [SimpleUploadedFile("a.pdf", PDF)]})
    browser.post(f"{address}check/".replace("question/", ""))
    first = browser.get("/en/apply/sea-log/").headers["location"]
    page = browser.get(first).content.decode()
    new = first.removesuffix("question/gear/")
    browser.post(f"{new}reuse/")
    draft = Draft.objects.get(state="open")
    taken = dict(drafts.writing(draft=draft, at=clock.now()).answers)

    assert "Use my answers of 20 November 2026" in page
    assert taken["mail"] == "a@example.az"
    assert taken["harbour"] == {"region": "IS-N", "region_name": "Şimal", "line": "Sea road 1"}
    # What the state says, files, what is declared, and what depends on `gear`, is asked anew.
    assert not {"gear", "permit_ends", "papers", "sworn", "fish"} & {
        k for k, v in taken.items() if v is not None
    }
    assert "Use my answers" not in browser.get(first).content.decode()


def test_an_answer_that_no_longer_keeps_the_rules_leads_back_to_its_question(
    browser: Client, address: str, clock: FixedClock
) -> None:
    _fill(browser, address)
    draft = Draft.objects.get()
    drafts.answer(draft=draft, question="length", value=99_999, at=clock.now())

    lead = browser.get(f"{address}check/".replace("question/", "")).headers["location"]
    page = browser.get(lead).content.decode()

    assert lead == f"{address}length/?change=1&again=1"
    assert "The number must be 50 or less." in page


def test_a_stranger_sees_and_changes_nothing(
    browser: Client,
    address: str,
    make_person: Callable[..., Person],
    sign_in: Callable[..., Client],
) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})
    stranger = sign_in(make_person("4LEYL82"))
    root = address.removesuffix("question/")

    assert stranger.get(f"{address}catches/row/0/").status_code == 404
    assert stranger.post(f"{address}catches/row/0/", {"weight": "1"}).status_code == 404
    assert stranger.post(f"{root}reuse/").status_code == 404
    assert stranger.post(f"{address}papers/", {"remove": "1"}).status_code == 404


def test_the_body_may_ask_every_type_again(
    browser: Client, address: str, clock: FixedClock, make_person: Callable[..., Person],
    registers: Any,
) -> None:  # fmt: skip
    _fill(browser, address)
    browser.post(f"{address}check/".replace("question/", ""))
    case = Case.objects.get()
    officer = make_person("4LEYL82")
    Case.objects.update(officer=officer)
    case.refresh_from_db()
    by = Actor(str(officer.pk), frozenset({Role.OFFICER}))
    acting.act(
        case=case, action="ask", by=by, officer=officer, version=case.version,
        gateway=registers, at=clock.now(),
    )  # fmt: skip
    page = browser.get(f"/en/cases/{case.number}/").content.decode()

    def again(catches: str) -> int:
        papers = [SimpleUploadedFile(name, PDF) for name in ("a.pdf", "b.pdf")]
        chosen = {**VALUES["fish"], **VALUES["harbour"], **VALUES["spot"], **VALUES["sworn"]}
        given = {**chosen, "catches": catches, "papers": papers, "harbour-line": "Mast lane 2"}
        return browser.post(f"/en/cases/{case.number}/answer/", given).status_code

    statuses = [again("x"), again("1.3.2026;eel;9")]
    opened = reading.open_case(Case.objects.get(), at=clock.now())

    assert page.count("<h1") == 1
    assert statuses == [422, 302]
    assert (opened.machine.state, opened.answers["weight"]) == ("review", 9)
    assert opened.answers["harbour"] == {
        "region": "IS-N",
        "region_name": "Şimal",
        "line": "Mast lane 2",
    }
    assert [one["name"] for one in opened.answers["papers"]] == ["a.pdf", "b.pdf"]  # type: ignore[attr-defined]
    assert case.attachments.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_forms_sent_at_once_one_counts_and_the_other_is_told(
    island: None, applicant: Person, clock: FixedClock
) -> None:
    draft = drafts.start_draft(person=applicant, service="sea-log", at=clock.now())
    ready, ended = threading.Barrier(2), []

    def send(value: str) -> None:
        try:
            ready.wait()
            drafts.answer(draft=draft, question="mail", value=value, at=clock.now(), turn=0)
            ended.append(value)
        except Conflict as conflict:
            ended.append(conflict.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[f"{n}@example.az"]) for n in "ab"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    kept = drafts.writing(draft=Draft.objects.get(), at=clock.now()).answers["mail"]
    assert sorted(ended) == sorted([kept, "draft.answered_elsewhere"])


def test_a_row_written_in_an_ended_session_is_given_back(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}gear/", {"gear": "net"})
    clock.advance(timedelta(days=2))

    lead = browser.post(f"{address}catches/row/0/", {"kind": "cod", "weight": "7", "turn": "0"})

    held = HeldForm.objects.get()
    assert lead.headers["location"].startswith("/en/sign-in/?next=")
    assert held.person_id == Draft.objects.get().person_id


def _pages(browser: Client, address: str, registers: Any) -> dict[str, bytes]:
    """Every page and state of the form, as it is sent to a browser without a script."""
    row = {"day-day": "30", "day-month": "2", "day-year": "2024", "kind": "", "weight": "x"}
    root = address.removesuffix("question/")
    found = {"first": browser.get(f"{address}gear/").content}
    browser.post(f"{address}gear/", {"gear": "net"})
    registers.records = {"sea/fishing-licence": [_licence("4LEYL82", "2027-02-28")]}
    found["found"] = browser.post(f"{address}mate/", {"mate": "4LEYL82"}).content
    found["row"] = browser.get(f"{address}catches/row/0/").content
    found["row-wrong"] = browser.post(f"{address}catches/row/0/", row).content
    found["paste-wrong"] = browser.post(f"{address}catches/", {"catches": "x;y;z"}).content
    for question in ("fish", "length", "mail", "account", "harbour", "spot", "sworn", "boat"):
        fields = {f"{question}{part}": "?" for part in ("", "-latitude")}
        found[f"{question}-wrong"] = browser.post(f"{address}{question}/", fields).content
    _fill(browser, address)
    browser.post(f"{address}papers/", {"papers": [SimpleUploadedFile("a.pdf", PDF)], "add": "1"})
    found["elsewhere"] = browser.post(
        f"{address}mail/", {"mail": "b@example.az", "turn": "0"}
    ).content
    own = {"permit_ends-own": "1 March 2030"}
    browser.post(f"{address}permit_ends/", own)
    for question in ("permit_ends", *VALUES):
        found[question] = browser.get(f"{address}{question}/").content
    found["check"] = browser.get(f"{root}check/").content
    return found


@pytest.mark.e2e
def test_every_page_is_usable_by_everyone_at_320_pixels(
    browser: Client, address: str, registers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    pages = _pages(browser, address, registers)
    static = {path.name: path for path in STATIC.iterdir()}
    wrong = []

    def answer(route: Route) -> None:
        name = urlsplit(route.request.url).path.strip("/").split("/")[-1]
        file = next((p for n, p in static.items() if n.split(".")[0] == name.split(".")[0]), None)
        if name in pages:
            route.fulfill(body=pages[name], content_type="text/html; charset=utf-8")
        elif file is not None and file.suffix in {".css", ".svg"}:
            kind = "text/css" if file.suffix == ".css" else "image/svg+xml"
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            route.fulfill(status=404)

    with sync_playwright() as playwright:
        path = os.environ.get("PENCERE_CHROMIUM") or shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page()
        page.route("**/*", answer)
        for name in pages:
            for width, scheme in ((1280, "light"), (320, "dark")):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(f"http://portal.test/{name}")
                found = Axe().run(page).response["violations"]
                wrong += [(name, width, one["id"], one["nodes"][0]["html"][:120]) for one in found]
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    wrong.append((name, width, "wide", str(wide)))
                if shots := os.environ.get("PENCERE_SHOTS"):
                    page.screenshot(path=f"{shots}/{name}-{width}.png", full_page=True)
        chromium.close()

    assert wrong == []
