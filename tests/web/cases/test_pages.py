"""An application as a browser writes it: forward and back, in two tabs, with hostile input."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from pencere.kernel.clock import FixedClock
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, drafts
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.submission import document_to_sign
from pencere.web.cases.models import Case, Draft, Supplement
from pencere.web.payments import providers
from pencere.web.payments.models import Charge
from pencere.web.payments.providers.sandbox import SandboxBank
from pencere.web.people.models import HeldForm, Person

SERVICE = "driving-licence-replace"


@pytest.fixture
def browser(
    applicant: Person,
    registers: Any,
    pen: Any,
    sign_in: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    """The applicant's browser; registers, telephone and bank stand beside the test."""
    pages = "pencere.web.portal.applications"
    for module in ("opening", "check", "sign"):
        monkeypatch.setattr(f"{pages}.{module}.gateway", lambda: registers)
    monkeypatch.setattr(f"{pages}.sign.pen", lambda: pen)
    bank = SandboxBank(address="http://bank.test", secret="a-secret-for-tests")
    monkeypatch.setattr(providers, "provider", lambda _name: bank)
    return sign_in(applicant)


@pytest.fixture
def address(browser: Client) -> str:
    """Where the questions of a new application are."""
    first = browser.get(f"/az/apply/{SERVICE}/").headers["location"]
    return first.removesuffix("reason/")


@pytest.fixture
def whole(browser: Client, write: Callable[[], Writing]) -> str:
    """Where the pages of an application are in which everything is answered."""
    return f"/az/applications/{write().draft.id}"


def answers_of(clock: FixedClock) -> dict[str, object]:
    return dict(drafts.writing(draft=Draft.objects.get(), at=clock.now()).answers)


def test_the_way_leads_on_and_back(browser: Client, address: str) -> None:
    on = browser.post(f"{address}reason/", {"reason": "damaged"}).headers["location"]
    page = browser.get(on).content.decode()

    assert on == f"{address}damage/"
    assert f'href="{address}reason/"' in page
    assert "checked" in browser.get(f"{address}reason/").content.decode()


def test_an_earlier_answer_that_opens_another_question_leads_there(
    browser: Client, whole: str
) -> None:
    changed = browser.post(f"{whole}/question/reason/?change", {"reason": "lost"})
    check = browser.get(f"{whole}/check/")

    assert changed.headers["location"] == f"{whole}/question/lost_on/"
    assert check.headers["location"] == f"{whole}/"


def test_answers_the_way_no_longer_passes_are_kept_and_not_signed(
    browser: Client, whole: str, pay: Callable[[Writing], Charge], clock: FixedClock
) -> None:
    browser.post(f"{whole}/question/damage/", {"damage": "Yarıdan qırılıb."})
    browser.post(f"{whole}/question/reason/?change", {"reason": "expiring"})
    draft = Draft.objects.get()
    told = drafts.tell_facts(draft=draft, gateway=None, at=clock.now())  # type: ignore[arg-type]
    writing = drafts.writing(draft=draft, told=told, at=clock.now())
    pay(writing)

    document = json.loads(document_to_sign(writing=writing, language="az", at=clock.now()))

    assert writing.answers["damage"] == "Yarıdan qırılıb."
    assert sorted(document["answers"]) == ["phone", "photo", "reason"]


def test_two_tabs_answer_different_questions_and_both_count(
    browser: Client, address: str, sign_in: Callable[..., Client], applicant: Person,
    clock: FixedClock,
) -> None:  # fmt: skip
    other = sign_in(applicant)
    browser.post(f"{address}reason/", {"reason": "damaged"})
    other.post(f"{address}phone/", {"phone": "050 123 45 67"})
    browser.post(f"{address}damage/", {"damage": "Sınıb"})

    assert answers_of(clock) == {
        "reason": "damaged", "phone": "+994501234567", "damage": "Sınıb",
    }  # fmt: skip


def test_a_question_that_another_tab_took_off_the_way_leads_to_the_next_open_one(
    browser: Client, address: str
) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})
    browser.post(f"{address}reason/", {"reason": "lost"})

    late = browser.post(f"{address}damage/", {"damage": "Sınıb"})

    assert browser.get(late.headers["location"]).headers["location"] == f"{address}lost_on/"


def test_paying_twice_is_one_charge(browser: Client, whole: str) -> None:
    leads = [browser.post(f"{whole}/check/").headers["location"] for _ in range(2)]
    banks = [browser.post(f"{whole}/pay/").headers["location"] for _ in range(2)]

    assert leads == [f"{whole}/pay/"] * 2
    assert [bank.startswith("http://bank.test/") for bank in banks] == [True, True]
    assert Charge.objects.count() == 1


def test_a_fee_that_rose_after_it_was_paid_goes_back_and_the_new_one_is_asked_for(
    browser: Client, whole: str, pay: Callable[[Writing], Charge], clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    draft = Draft.objects.get()
    told = drafts.tell_facts(draft=draft, gateway=None, at=clock.now())  # type: ignore[arg-type]
    old = pay(drafts.writing(draft=draft, told=told, at=clock.now()))
    Charge.objects.filter(pk=old.pk).update(amount=old.amount - 100)
    monkeypatch.setattr(SandboxBank, "refund", lambda *_, **__: None)

    lead = browser.get(f"{whole}/pay/").headers["location"]

    states = dict(Charge.objects.values_list("amount", "state"))
    assert lead.startswith("http://bank.test/")
    assert states == {old.amount - 100: "refunded", old.amount: "started"}


def test_a_second_press_of_signing_asks_the_telephone_once_and_sends_one_application(
    browser: Client, whole: str, pay: Callable[[Writing], Charge], pen: Any, clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    draft = Draft.objects.get()
    told = drafts.tell_facts(draft=draft, gateway=None, at=clock.now())  # type: ignore[arg-type]
    pay(drafts.writing(draft=draft, told=told, at=clock.now()))
    asked = []
    plain = pen.ask
    monkeypatch.setattr(pen, "ask", lambda **facts: asked.append(facts["text"]) or plain(**facts))

    pressed = [browser.post(f"{whole}/sign/").headers["location"] for _ in range(2)]
    pen.answer = b"cades"
    sent = [browser.get(f"{whole}/sign/wait/").headers["location"] for _ in range(2)]

    number = Case.objects.get().number
    assert pressed == [f"{whole}/sign/wait/"] * 2
    assert len(asked) == 1
    assert sent == [f"/az/cases/{number}/?received=1", f"/az/cases/{number}/"]


@pytest.mark.parametrize("page", ["check/", "pay/", "sign/", "sign/wait/", "question/reason/"])
def test_after_it_is_sent_every_page_leads_to_the_case(
    browser: Client, sent: Case, page: str
) -> None:
    draft = Draft.objects.get(number=sent.number)

    for answer in (browser.get, browser.post):
        if page == "sign/wait/" and answer == browser.post:
            continue
        lead = answer(f"/az/applications/{draft.id}/{page}").headers["location"]
        assert lead == f"/az/cases/{sent.number}/"


@pytest.mark.parametrize(
    "page", ["", "question/reason/", "check/", "pay/", "pay/state/", "sign/", "sign/wait/",
             "file/00000000-0000-4000-8000-000000000001/"],
)  # fmt: skip
def test_another_persons_application_is_not_there(
    whole: str, make_person: Callable[..., Person], sign_in: Callable[..., Client], page: str
) -> None:
    stranger = sign_in(make_person("4LEYL82"))

    assert stranger.get(f"{whole}/{page}").status_code == 404


@pytest.mark.parametrize("page", ["leave/", "question/phone/keep/", "sign/cancel/"])
def test_another_person_changes_nothing(
    whole: str, make_person: Callable[..., Person], sign_in: Callable[..., Client], page: str
) -> None:
    before = Draft.objects.get()

    answer = sign_in(make_person("4LEYL82")).post(f"{whole}/{page}", {"phone": "1"})

    after = Draft.objects.get()
    assert answer.status_code == 404
    assert (after.state, after.saved_at) == (before.state, before.saved_at)


def test_a_session_that_ended_keeps_the_answers_and_what_was_being_sent(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})
    clock.advance(timedelta(days=2))

    lead = browser.post(f"{address}damage/", {"damage": "Sınıb"})

    assert lead.headers["location"].startswith("/az/sign-in/?next=")
    assert HeldForm.objects.count() == 1
    assert answers_of(clock) == {"reason": "damaged"}


HOSTILE = [
    "<script>alert(1)</script>", "'; drop table cases_case; --", "a\x00b", "\u202egpj.exe",
    "{{ 7*7 }}", "٣٤٥", "1e9", "-0", "9" * 5000, "²", "NaN", "\ud7ff" * 3, "%s%n",
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE, ids=lambda typed: ascii(typed)[:20])
def test_no_field_breaks_whatever_is_typed(browser: Client, address: str, typed: str) -> None:
    browser.post(f"{address}reason/", {"reason": "lost"})
    forms = {
        "reason": {"reason": typed},
        "lost_on": {"lost_on-day": typed, "lost_on-month": typed, "lost_on-year": typed},
        "phone": {"phone": typed},
        "photo": {"photo": typed},
    }

    answers = {name: browser.post(f"{address}{name}/", form) for name, form in forms.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        forms, 422
    )
    pages = "".join(answer.content.decode() for answer in answers.values())
    assert "<script>alert(1)" not in pages
    assert ">49<" not in pages


@pytest.mark.parametrize("typed", ["a\x00b", "\u202egpj", "x" * 501])
def test_a_text_with_unseen_signs_or_too_long_is_refused(
    browser: Client, address: str, typed: str
) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})

    assert browser.post(f"{address}damage/", {"damage": typed}).status_code == 422


def test_what_looks_like_a_program_is_a_text_like_any_other(
    browser: Client, address: str, clock: FixedClock
) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})
    browser.post(f"{address}damage/", {"damage": HOSTILE[0]})

    page = browser.get(f"{address}damage/").content.decode()

    assert answers_of(clock)["damage"] == HOSTILE[0]
    assert "&lt;script&gt;alert(1)" in page


def test_a_body_without_end_is_refused(browser: Client, address: str, clock: FixedClock) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})

    answer = browser.post(
        f"{address}damage/",
        "damage=" + "x" * 2_000_000,
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.status_code in {400, 413}
    assert answers_of(clock) == {"reason": "damaged"}


def test_a_question_nobody_asks_is_not_there(browser: Client, address: str) -> None:
    assert browser.get(f"{address}nothing/").status_code == 302
    assert browser.post(f"{address}nothing/keep/", {"nothing": "x"}).status_code == 404
    assert browser.post(f"{address}reason/keep/", {"reason": "lost"}).status_code == 404


def test_what_is_typed_is_kept_and_an_answer_as_soon_as_it_is_one(
    browser: Client, address: str, clock: FixedClock
) -> None:
    half = browser.post(f"{address}phone/keep/", {"phone": "050 12"})
    page = browser.get(f"{address}phone/").content.decode()
    before = answers_of(clock)
    clock.advance(timedelta(minutes=1))
    full = browser.post(f"{address}phone/keep/", {"phone": "050 123 45 67"})

    assert (half.json(), full.json()) == (
        {"said": "Saxlanıldı, 12:00"},
        {"said": "Saxlanıldı, 12:01"},
    )
    assert 'value="050 12"' in page
    assert (before, answers_of(clock)) == ({}, {"phone": "+994501234567"})
    assert "050 12&" not in browser.get(f"{address}phone/").content.decode()


def test_what_cannot_be_an_answer_takes_none_away(
    browser: Client, whole: str, clock: FixedClock
) -> None:
    browser.post(f"{whole}/question/phone/keep/", {"phone": "abc"})

    assert answers_of(clock)["phone"] == "+994501000001"
    assert 'value="abc"' in browser.get(f"{whole}/question/phone/").content.decode()
    browser.post(f"{whole}/question/phone/keep/", {"phone": ""})
    assert 'value="abc"' not in browser.get(f"{whole}/question/phone/").content.decode()


def test_keeping_asks_no_register(
    browser: Client, address: str, registers: Any, clock: FixedClock
) -> None:
    browser.post(f"{address}reason/", {"reason": "damaged"})
    once = len(registers.asked)
    clock.advance(timedelta(minutes=30))

    kept = browser.post(f"{address}damage/keep/", {"damage": "Sınıb"})

    assert (kept.status_code, len(registers.asked)) == (200, once)
    assert "Sınıb" in browser.get(f"{address}damage/").content.decode()


def test_nothing_without_end_is_kept(browser: Client, address: str, clock: FixedClock) -> None:
    assert browser.post(f"{address}phone/keep/", {"phone": "1" * 4001}).status_code == 400
    assert Draft.objects.get().answers_sealed is None


def test_what_is_kept_while_typing_is_not_signed(
    browser: Client, whole: str, pay: Callable[[Writing], Charge], clock: FixedClock
) -> None:
    browser.post(f"{whole}/question/phone/keep/", {"phone": "gizli söz"})
    draft = Draft.objects.get()
    told = drafts.tell_facts(draft=draft, gateway=None, at=clock.now())  # type: ignore[arg-type]
    writing = drafts.writing(draft=draft, told=told, at=clock.now())
    pay(writing)

    document = document_to_sign(writing=writing, language="az", at=clock.now())

    assert "gizli" not in document.decode()


@pytest.fixture
def mending(browser: Client, sent: Case, registers: Any, make_person: Callable[..., Person]) -> str:
    """Where the page of a case is that waits for another photograph."""
    officer = make_person("2RSAD76")
    acting.act(
        case=sent, action="mend", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
        officer=officer, version=sent.version, comment="Üz görünmür.", gateway=registers,
        at=settings.CLOCK.now(),
    )  # fmt: skip
    return f"/az/cases/{sent.number}/"


def portrait() -> bytes:
    picture = Image.effect_noise((413, 531), 60).convert("RGB")
    out = io.BytesIO()
    picture.save(out, format="JPEG")
    return out.getvalue()


def state_of_case() -> str:
    return Case.objects.get().state


def test_what_the_officer_asks_is_on_the_page_with_its_words(browser: Client, mending: str) -> None:
    page = browser.get(mending).content.decode()

    assert "Üz görünmür." in page
    assert 'name="photo"' in page
    assert "Müraciəti geri götür" in page


def test_an_answer_without_a_file_is_said_in_words(browser: Client, mending: str) -> None:
    answer = browser.post(f"{mending}answer/", {"version": "99"})

    assert (answer.status_code, state_of_case()) == (422, "mending")
    assert 'href="#f-photo"' in answer.content.decode()


def test_another_photograph_sends_the_case_on_and_a_second_press_changes_nothing(
    browser: Client, mending: str
) -> None:
    version = Case.objects.get().version
    leads = [
        browser.post(
            f"{mending}answer/",
            {"version": version, "photo": SimpleUploadedFile("me.jpg", portrait())},
        ).headers["location"].partition("#")[0]
        for _ in range(2)
    ]  # fmt: skip

    assert (leads, state_of_case()) == ([mending, mending], "review")
    assert Supplement.objects.count() == 1


@pytest.mark.parametrize("version", ["", "x", "²", "9" * 5000, "-1", "1e3"])
def test_a_version_that_is_no_number_breaks_nothing(
    browser: Client, mending: str, version: str
) -> None:
    answer = browser.post(f"{mending}withdraw/", {"version": version})

    assert (answer.status_code, state_of_case()) == (302, "withdrawn")


def test_a_page_that_is_old_takes_nothing_back(browser: Client, mending: str) -> None:
    answer = browser.post(f"{mending}withdraw/", {"version": "1"})

    assert (answer.status_code, state_of_case()) == (302, "mending")


def test_taking_back_twice_is_once(browser: Client, mending: str) -> None:
    leads = [browser.post(f"{mending}withdraw/").headers["location"] for _ in range(2)]

    assert (leads, state_of_case()) == ([mending, mending], "withdrawn")


@pytest.mark.parametrize("page", ["answer/", "withdraw/"])
def test_nobody_else_answers_or_takes_back(
    mending: str, page: str, make_person: Callable[..., Person], sign_in: Callable[..., Client]
) -> None:
    answer = sign_in(make_person("4LEYL82")).post(f"{mending}{page}")

    assert (answer.status_code, state_of_case()) == (404, "mending")
