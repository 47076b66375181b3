"""What breaks on the way of an application: nothing is lost, and nothing is done twice.

The processes are really killed or stopped; the browser, the phone and the bank are the real ones.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psycopg
import pytest
import requests
from playwright.sync_api import Page

from pencere.ops.installation import Installation
from pencere.simulators.bank.callbacks import callback_body
from pencere.simulators.bank.orders import OrderBook
from pencere.simulators.bank.signing import sign

pytestmark = pytest.mark.e2e


def installation_of(platform) -> Installation:
    return Installation.from_environment(
        {"PENCERE_DATA": str(platform.data), "PENCERE_BASE_PORT": str(platform.base_port)}
    )


def count(platform, database: str, query: str, *values: object) -> int:
    """Return the one number that a query gives."""
    url = installation_of(platform).database_url(database)
    with psycopg.connect(url) as connection:
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def at_once(page: Page, address: str, fields: dict[str, str], times: int = 2) -> list[int]:
    """Send one form several times in the same moment; return the statuses."""
    host = urlsplit(address).hostname
    jar = {one["name"]: one["value"] for one in page.context.cookies() if one["domain"] == host}
    gate = threading.Barrier(times)
    statuses: list[int] = []

    def send() -> None:
        gate.wait()
        answer = requests.post(address, data=fields, cookies=jar, allow_redirects=False, timeout=60)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=send) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def charges_of(platform, number: str) -> dict[str, int]:
    """Return how many charges of an application stand in which state."""
    url = installation_of(platform).database_url("web")
    query = (
        "select c.state, count(*) from payments_charge c join cases_draft d"
        " on c.subject_id = d.id::text where d.number = %s group by 1"
    )
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query, [number]).fetchall())


def cases_with(platform, number: str) -> int:
    return count(platform, "web", "select count(*) from cases_case where number = %s", number)


def main_text(page: Page) -> str:
    return page.locator("main").inner_text()


# A node that is away


def test_an_application_arrives_once_when_the_agencies_node_was_down_on_the_way(
    platform, people, walk, new_page, portrait: Path, said
) -> None:
    citizen, officer = new_page(), new_page()
    walk.enter(officer, people["rashad"], office=True)
    walk.fill_licence(citizen, people["leyla"], portrait, language="en")
    with platform.held_down("gateway-agencies"):
        walk.go_on(citizen)
        assert citizen.locator("html").get_attribute("lang") == "en"
        assert citizen.locator("h1").inner_text() == said("application.unavailable", "en")
        assert said("application.unavailable_lead", "en") in main_text(citizen)
        assert "driv" in main_text(citizen).lower() or "population" in main_text(citizen).lower()
        citizen.goto(f"{platform.portal}/ru/window/data/dyp/driving-licence/")
        assert said("my_data.silent", "ru") in main_text(citizen)
        citizen.goto(f"{platform.portal}/en/window/")
        assert citizen.locator("main a[href*='/applications/']").count() >= 1
    citizen.locator("main a[href*='/applications/']").first.click()
    assert citizen.url.endswith("/check/")
    walk.go_on(citizen)
    walk.pay_and_return(citizen)
    walk.go_on(citizen)
    code = citizen.locator("strong.code").inner_text()
    with platform.held_down("gateway-agencies"):
        walk.confirm(people["leyla"], code=code, pin=people["leyla"].pin2)
        walk.wait_until_gone(citizen, "strong.code")
    citizen.goto(f"{platform.portal}/en/window/")
    number = walk.number_of(citizen)

    assert cases_with(platform, number) == 1
    assert charges_of(platform, number) == {"paid": 1}
    assert citizen.locator("main .card", has_text=number).count() == 1
    officer.goto(f"{platform.office}/az/?show=waiting")
    assert officer.locator("main tbody tr", has_text=number).count() == 1


def test_a_node_that_hangs_is_said_in_the_readers_language_within_seconds(
    platform, people, walk, new_page, said
) -> None:
    page = new_page()
    walk.enter(page, people["narmin"])
    with platform.frozen("gateway-agencies"):
        begun = time.monotonic()
        page.goto(f"{platform.portal}/ru/apply/residence-certificate/", timeout=60_000)
        took_s = time.monotonic() - begun
        assert page.locator("h1").inner_text() == said("application.unavailable", "ru")
        assert page.locator("html").get_attribute("lang") == "ru"
    assert took_s < 25
    page.locator("main a.button").first.click()
    page.wait_for_url("**/applications/**")


# Effects that are interrupted


def test_a_register_that_is_away_during_an_effect_makes_one_new_licence_later(
    platform, people, walk, new_page, portrait: Path, said
) -> None:
    citizen, officer = new_page(), new_page()
    number = walk.send_licence(citizen, people["leyla"], portrait)
    walk.enter(officer, people["rashad"], office=True)
    walk.take_case(officer, number)
    walk.open_decision(officer, number)
    with platform.frozen("worker"):
        walk.decide(officer)
        assert number in officer.locator(".notice.success").inner_text()
        citizen.goto(f"{platform.portal}/az/cases/{number}/")
        assert said("case.preparing", "az") in main_text(citizen)
        registers = platform.held_down("registers")
        registers.__enter__()
    try:
        for _ in range(240):
            citizen.goto(f"{platform.portal}/az/cases/{number}/")
            if said("case.waiting_register", "az") in main_text(citizen):
                break
            citizen.wait_for_timeout(250)
        assert said("case.waiting_register", "az") in main_text(citizen)
        assert citizen.locator("a[href$='file.pdf']").count() == 0
    finally:
        registers.__exit__(None, None, None)

    assert len(walk.documents_of(citizen, number)) == 1
    citizen.goto(f"{platform.portal}/az/window/data/dyp/driving-licence/")
    assert citizen.locator("main .card").count() == 1


def test_a_worker_that_is_killed_while_it_makes_a_document_makes_one(
    platform, people, walk, new_page, portrait: Path
) -> None:
    citizen, officer = new_page(), new_page()
    number = walk.send_licence(citizen, people["aydan"], portrait)
    walk.enter(officer, people["rashad"], office=True)
    walk.take_case(officer, number)
    walk.open_decision(officer, number)
    waiting = (
        "select count(*) from cases_effect e join cases_case c on c.id = e.case_id"
        " where c.number = %s and e.name = 'licence' and e.status = 'done'"
    )
    with platform.frozen("trust"):  # the seal is asked for and does not come
        walk.decide(officer)
        end = time.monotonic() + 120
        while count(platform, "web", waiting, number) == 0:
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(0.5)  # the document is being drawn or waits for its seal
        os.killpg(platform.processes()["worker"], signal.SIGKILL)

    assert len(walk.documents_of(citizen, number, within_s=90)) == 1
    issued = 'select count(*) from issued_issueddocument where "case" = %s'
    assert count(platform, "web", issued, number) == 1


# The same form twice


def test_forms_sent_twice_in_one_moment_make_one_case_one_charge_and_one_decision(
    platform, people, walk, new_page, portrait: Path
) -> None:
    citizen, officer = new_page(), new_page()
    who = people["aydan"]
    draft = walk.fill_licence(citizen, who, portrait)
    number = walk.number_of(citizen)
    token = {"csrfmiddlewaretoken": walk.token(citizen)}
    assert at_once(citizen, f"{draft}check/", token) == [302, 302]
    assert at_once(citizen, f"{draft}pay/", token) == [302, 302]
    assert sum(charges_of(platform, number).values()) == 1
    citizen.goto(f"{draft}pay/")
    citizen.locator("main form button").first.click()
    walk.pay_and_return(citizen)
    assert charges_of(platform, number) == {"paid": 1}

    token = {"csrfmiddlewaretoken": walk.token(citizen)}
    assert at_once(citizen, f"{draft}sign/", token) == [302, 302]
    citizen.goto(f"{draft}sign/wait/")
    walk.confirm(who, code=citizen.locator("strong.code").inner_text(), pin=who.pin2)
    walk.wait_until_gone(citizen, "strong.code")
    assert cases_with(platform, number) == 1

    walk.enter(officer, people["rashad"], office=True)
    walk.take_case(officer, number)
    walk.open_decision(officer, number)
    form = {
        field.get_attribute("name"): field.get_attribute("value")
        for field in officer.locator("form[action$='/decide/'] input[type=hidden]").all()
    }
    assert at_once(officer, f"{platform.office}/az/cases/{number}/decide/", form) == [302, 302]
    decided = (
        "select count(*) from cases_caseevent e join cases_case c on c.id = e.case_id"
        " where c.number = %s and e.kind = 'acted'"
    )
    assert count(platform, "web", decided, number) == 1
    assert len(walk.documents_of(citizen, number)) == 1


def test_an_instant_service_sent_twice_in_one_moment_gives_one_certificate(
    platform, people, walk, new_page
) -> None:
    page = new_page()
    draft = walk.begin_anew(page, people["narmin"], "residence-certificate")
    while page.locator("main form input[type=radio]").count():
        page.locator("main form input[type=radio]").first.check()
        walk.go_on(page)
    number = walk.number_of(page)
    token = {"csrfmiddlewaretoken": walk.token(page)}
    assert at_once(page, f"{draft}check/", token, times=3) == [302, 302, 302]
    assert cases_with(platform, number) == 1
    assert len(walk.documents_of(page, number)) == 1


# Payments


def test_a_payment_is_booked_once_whatever_callbacks_come(
    platform, people, walk, new_page, portrait: Path, said
) -> None:
    page = new_page()
    walk.fill_licence(page, people["leyla"], portrait)
    number = walk.number_of(page)
    walk.go_on(page)
    walk.pay(page, "failed")
    page.wait_for_url("**/applications/*/pay/")
    walk.wait_until_gone(page, "[data-waiting]")
    assert page.locator("h1").inner_text() == said("application.pay_failed", "az")
    walk.go_on(page)
    walk.pay(page, "cancelled")
    page.wait_for_url("**/applications/*/pay/")
    walk.wait_until_gone(page, "[data-waiting]")
    assert page.locator("h1").inner_text() == said("application.pay_failed", "az")

    walk.go_on(page)
    payment = page.url.split("/pay/")[1].split("?")[0]
    waiting = OrderBook(platform.data / "bank").of_payment(payment)
    callback = f"{platform.portal}/payments/callback/bank"
    body = json.dumps(
        {
            "amount": waiting.amount,
            "at": int(time.time()),
            "currency": "AZN",
            "event": "evt_forged",
            "merchant": waiting.merchant,
            "order": waiting.order,
            "payment": payment,
            "state": "paid",
        }
    ).encode()
    forged = sign(secret="guessed", kind="callback", timestamp=int(time.time()), body=body)
    assert call_back(callback, body, signature=forged) == 403
    assert call_back(callback, body, signature="") == 403
    assert charges_of(platform, number).get("paid", 0) == 0

    walk.pay_and_return(page)
    secret = installation_of(platform).secret("bank")
    paid = callback_body(OrderBook(platform.data / "bank").of_payment(payment))
    for _ in range(3):
        signature = sign(secret=secret, kind="callback", timestamp=int(time.time()), body=paid)
        assert call_back(callback, paid, signature=signature) == 204
    assert charges_of(platform, number) == {"cancelled": 1, "failed": 1, "paid": 1}
    page.goto(f"{platform.portal}/az/window/payments/")
    of_this = page.locator("main tbody tr", has_text=number)
    assert of_this.filter(has=page.locator(".tag.good")).count() == 1


def call_back(address: str, body: bytes, *, signature: str) -> int:
    headers = {
        "Content-Type": "application/json",
        "Pencere-Pay-Timestamp": str(int(time.time())),
        "Pencere-Pay-Signature": signature,
    }
    try:
        with urlopen(Request(address, body, headers), timeout=20) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


# Signing in, and visits that end


def test_a_wrong_number_person_or_pin_is_said_and_what_was_typed_stays(
    platform, people, walk, new_page, said
) -> None:
    page, who = new_page(), people["samir"]
    page.goto(f"{platform.portal}/en/sign-in/")
    submit_sign_in(page, "12", who.phone)
    assert page.locator("[name=fin]").get_attribute("aria-invalid") == "true"
    assert page.locator("[name=fin]").input_value() == "12"
    assert page.locator(".error-summary, [data-focus]").count() >= 1

    submit_sign_in(page, "9ZZZZ99", "+994509999999")
    assert said("error.mobile.no_client", "en") in main_text(page)
    assert page.locator("[name=fin]").input_value() == "9ZZZZ99"

    submit_sign_in(page, who.fin, who.phone)
    page.locator("strong.code").wait_for()
    phone = walk.phone_page
    phone.goto(f"{platform.phones}/en/phones/{who.key}")
    until_there(phone, "#pin")
    phone.locator("#pin").fill("0000")
    phone.locator("button[value=confirm]").click()
    assert phone.locator("#error").count() == 1
    assert page.locator("strong.code").count() == 1
    phone.locator("button[value=cancel]").click()
    phone.locator("[role=status]").first.wait_for()
    page.wait_for_url("**/sign-in/")
    assert said("error.mobile.cancelled", "en") in main_text(page)
    assert page.locator("[name=fin]").input_value() == who.fin

    walk.sign_in(page, who)
    page.goto(f"{platform.portal}/en/window/")
    assert page.url.endswith("/en/window/")


def submit_sign_in(page: Page, fin: str, phone: str) -> None:
    page.locator("[name=fin]").fill(fin)
    page.locator("[name=phone]").fill(phone)
    page.locator("main form button").first.click()
    page.wait_for_load_state()


def until_there(page: Page, selector: str) -> None:
    for _ in range(40):
        if page.locator(selector).count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(f"{page.url} has no {selector}")


def test_a_visit_that_ends_in_the_middle_leads_back_to_the_question_with_its_answers(
    platform, people, walk, new_page, said
) -> None:
    page, who = new_page(), people["leyla"]
    walk.begin_anew(page, who, "driving-licence-replace", language="ru")
    walk.answer(page, reason="lost")
    question = page.url
    page.locator("[name=lost_on-day]").fill("20")
    page.locator("[name=lost_on-month]").fill("11")
    page.locator("[name=lost_on-year]").fill("2026")
    page.context.clear_cookies(name="portal")
    walk.go_on(page)
    walk.sign_in(page, who)
    page.wait_for_url(question)
    page.goto(question.replace("lost_on", "reason"))
    assert page.locator("[name=reason][value=lost]").is_checked()

    page.goto(question)
    url = installation_of(platform).database_url("web", "owner")
    with psycopg.connect(url) as connection:  # half an hour passes
        connection.execute("update people_session set seen_at = seen_at - interval '31 minutes'")
    walk.answer(page, lost_on__day="20", lost_on__month="11", lost_on__year="2026")
    walk.sign_in(page, who)
    assert page.locator("h1").inner_text() == said("sign_in.held_title", "ru")
    walk.go_on(page)
    assert "/question/phone/" in page.url
    page.goto(question)
    assert page.locator("[name=lost_on-day]").input_value() == "20"
    walk.visits.clear()


# The end of everything


def test_after_a_kill_of_everything_the_payment_is_there_and_the_journey_goes_on(
    platform, people, walk, new_page, portrait: Path
) -> None:
    page, who = new_page(), people["leyla"]
    draft = walk.fill_licence(page, who, portrait)
    number = walk.number_of(page)
    walk.go_on(page)
    walk.pay_and_return(page)
    for pid in platform.processes().values():
        os.killpg(pid, signal.SIGKILL)
    started = platform.command("up", "--detach", check=False)
    assert started.returncode == 0, started.stdout + started.stderr

    assert charges_of(platform, number) == {"paid": 1}
    page.goto(draft)
    assert page.url.endswith("/check/")
    walk.go_on(page)
    assert page.url.endswith("/sign/")
    walk.sign_application(page, who)
    assert walk.number_of(page) == number
    assert cases_with(platform, number) == 1


# Documents that are not what they say


def test_a_changed_a_foreign_and_a_false_file_are_each_told_apart(
    platform, people, walk, new_page, tmp_path: Path, said
) -> None:
    page = new_page()
    walk.begin_anew(page, people["narmin"], "residence-certificate")
    while page.locator("main form input[type=radio]").count():
        page.locator("main form input[type=radio]").first.check()
        walk.go_on(page)
    walk.go_on(page)
    (address,) = walk.documents_of(page, walk.number_of(page))
    content = page.request.get(platform.portal + address).body()
    changed = bytearray(content)
    changed[len(changed) // 3] ^= 1
    files = {
        "good": (content, ".notice.success"),
        "changed": (bytes(changed), ".notice.error"),
        "appended": (content + b"\n% more\n", ".notice.error, .notice.warning"),
        "foreign": (FOREIGN, ".notice.error, .notice.warning"),
        "false": (b"GIF89a, which is no PDF", ".notice.error, .notice.warning"),
        "empty": (b"", ".notice.error, .notice.warning, .error-summary, [data-focus]"),
    }
    for name, (given, verdict) in files.items():
        file = tmp_path / f"{name}.pdf"
        file.write_bytes(given)
        page.goto(f"{platform.portal}/en/verify/")
        page.locator("input[name=file]").set_input_files(file)
        page.locator("form:has(input[name=file]) button").click()
        assert page.locator(verdict).count() == 1, f"{name}: {main_text(page)}"
        assert (said("verify.good", "en") in main_text(page)) is (name == "good")


FOREIGN = (
    b"%PDF-1.4\n"
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    b"xref\n0 4\n"
    b"0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \n"
    b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n%%EOF\n"
)
