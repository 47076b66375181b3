"""Every page, as it is met: narrow and wide, light and dark, large text, keyboard, three languages.

One look at a page takes it through all of these without loading it again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import CDPSession, Page

# Dozens of pages in one test: what a page may take is for the browser's own limits to say.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

LANGUAGES = ("az", "en", "ru")
FIRST_VISIT_BYTES, NEXT_BYTES = 60_000, 15_000

# Routes that are no pages to look at: what they answer is not HTML, or leads elsewhere at once.
NO_PAGES = {
    "portal": {
        "static", "healthz", "metrics", "payment_callback", "suggestions", "sign_in_state",
        "case_state", "application_pay_state", "application_sign_state", "case_receipt",
        "document_file", "application_file", "components_plain", "verify_short",
        "sign_in_cancel", "application_sign_cancel", "application_leave", "case_withdraw",
        "device_end", "sign_out", "application", "application_begin", "oauth2_provider",
        "application_keep", "application_reuse", "certificates_watch", "remote_key_new",
        "remote_key_state", "remote_key_cancel", "sima_get_file", "sima_callback", "sms_report",
        "web_eid_challenge", "web_eid_token", "sign_in_sima", "sign_in_card_token",
        "consent_withdraw", "notifications_offers", "powers_act", "powers_end", "acting_stop",
        "registry_api", "registry_api_systems",
        "registry_api_system",
        "registry_api_versions",
        "registry_api_services", "registry_api_service_openapi", "registry_api_version_openapi",
        "registry_api_agreements",
        "registry_api_agreement",
        "registry_api_uses", "registry_api_figures", "registry_api_code_lists",
        "registry_api_code_list_file", "registry_api_code_list", "registry_api_code_list_version",
        "registry_api_code_list_changes", "registry_api_bulk", "registry_api_bulk_file",
        "registry_api_export", "registry_stable", "case_appointment_cancel",
        "case_appointment_file",
    },
    "office": {
        "static", "healthz", "metrics", "sign_in_callback", "office_take", "office_hand_over",
        "office_proposal", "office_file", "device_end", "sign_in", "sign_out", "held_form",
        "office_take_next", "directory_file", "node_join", "node_certificates",
        "node_traffic",
        "registration_open", "registration_application_act",
        "registration_mass_open", "registration_sign", "registration_state", "registration_cancel",
        "registration_withdraw", "register_duty_done", "register_document", "register_once",
        "register_send", "register_decide", "register_withdraw", "register_accord_step",
        "register_accord_sign", "register_accord_state", "register_accord_cancel",
        "register_accord_file", "register_agreement_step", "register_node_step",
        "register_token_make", "register_token_end", "authoring_approve", "authoring_drop",
        "register_newer_data_draft",
        "office_booking_visit", "office_day_close", "office_slot_close",
        "office_batch_decide", "money_answer", "money_close", "money_compare", "money_csv",
        "money_resolve", "money_retry",
        "authoring_draft_drop", "authoring_package",
    },
}  # fmt: skip

# Pages of these routes are opened by journeys of other files, which look at them with axe.
SEEN_ELSEWHERE = {
    "held_form", "case_answer", "certificates_end", "remote_key_wait", "registration_act",
    "registration_application", "registration_confirm", "registration_wait",
    "register_application", "register_section", "register_accord", "register_accord_edit",
    "register_accord_wait", "register_agreement", "application_row", "case_appointment",
    "authoring_drafts", "authoring_draft", "authoring_file", "authoring_proposal",
    "authoring_preview", "authoring_question", "authoring_withdraw",
    # tests/e2e/test_records.py
    "records_found", "records_new", "records_record", "records_extract",
}  # fmt: skip

# What differs between two versions is looked at in tests/web/office/test_versions.py, without a
# browser.
ONE_VERSION = {"authoring_changes", "authoring_move"}
# Nor one whose law lets the body lengthen the term: tests/web/office/test_extending.py.
NOT_EXTENDED = {"office_extend"}

# What axe may find in one page twice: the rest of its rules know neither width nor colour.
BY_WIDTH_AND_COLOUR = (
    "color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable",
    "meta-viewport",
)  # fmt: skip


@dataclass
class Looker:
    """Looks at pages and keeps what is wrong, so that one run tells everything."""

    axe: Axe = field(default_factory=Axe)
    wrong: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, int]] = field(default_factory=list)

    def open(self, page: Page) -> Page:
        """Listen to a page's console and to what it loads."""
        page.on("console", lambda said: self._console(page, said.type, said.text))
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url} script: {error}"))
        session: CDPSession = page.context.new_cdp_session(page)
        session.send("Network.enable")
        kinds: dict[str, tuple[str, str]] = {}
        session.on(
            "Network.responseReceived",
            lambda event: kinds.update(
                {event["requestId"]: (event["type"], event["response"]["url"])}
            ),
        )
        session.on(
            "Network.loadingFinished",
            lambda event: self.sent.append(
                (*kinds.get(event["requestId"], ("", "")), int(event["encodedDataLength"]))
            ),
        )
        return page

    def _console(self, page: Page, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.wrong.append(f"{page.url} console: {text[:200]}")

    def go(self, page: Page, address: str, *, status: int = 200) -> None:
        """Open an address and look at its page; weigh what travelled."""
        self.sent.clear()
        answer = page.goto(address, wait_until="load")
        got = None if answer is None else answer.status
        if got != status:
            self.wrong.append(f"{address} answered {got}")
        own = [size for kind, _url, size in self.sent if kind == "Document"]
        if sum(own) > NEXT_BYTES:
            self.wrong.append(f"{address} weighs {sum(own)} bytes")
        self.look(page)

    def look(self, page: Page) -> None:
        """Look at the page that is open in all its forms."""
        name = urlsplit(page.url).path
        self.seen.add(name)
        self._language(page)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        self._axe(page, f"{name} 1280 light")
        self._overflow(page, f"{name} 1280")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        self._overflow(page, f"{name} 1280 at 200 %")
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.set_viewport_size({"width": 768, "height": 900})
        self._overflow(page, f"{name} 768")
        page.set_viewport_size({"width": 320, "height": 640})
        page.emulate_media(color_scheme="dark")
        self._axe(page, f"{name} 320 dark", only=BY_WIDTH_AND_COLOUR)
        self._overflow(page, f"{name} 320")
        page.set_viewport_size({"width": 1280, "height": 900})

    def narrow(self, page: Page) -> None:
        """Look only whether a page in another language fits."""
        self._language(page)
        page.set_viewport_size({"width": 320, "height": 640})
        self._overflow(page, f"{urlsplit(page.url).path} 320")
        page.set_viewport_size({"width": 1280, "height": 900})

    def _axe(self, page: Page, name: str, *, only: tuple[str, ...] = ()) -> None:
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(only)} if only else {})
        for one in self.axe.run(page, options=options).response["violations"]:
            self.wrong.append(f"{name}: {one['id']}: {one['nodes'][0]['html'][:160]}")

    def _overflow(self, page: Page, name: str) -> None:
        width = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        if width[0] > width[1]:
            self.wrong.append(f"{name}: {width[0]} wide on {width[1]}")

    def _language(self, page: Page) -> None:
        path = urlsplit(page.url).path
        language = path.split("/")[1]
        if language not in LANGUAGES:
            return
        if page.locator("html").get_attribute("lang") != language:
            self.wrong.append(f"{path}: lang is {page.locator('html').get_attribute('lang')}")
        for link in page.locator(".lang a").all():
            other = link.get_attribute("hreflang") or ""
            to = urlsplit(link.get_attribute("href") or "")
            query = urlsplit(page.url).query
            if to.path != f"/{other}/{path.split('/', 2)[2]}" or to.query != query:
                self.wrong.append(f"{path}: the switch to {other} leads to {to.path}?{to.query}")


@pytest.fixture
def looker() -> Iterator[Looker]:
    looker = Looker()
    yield looker
    assert not looker.wrong, "\n" + "\n".join(looker.wrong)


def routes_of(role: str) -> dict[str, str]:
    """Return the pattern of each named route of a role."""
    found: dict[str, str] = {}

    def collect(patterns: list[object], before: str) -> None:
        for one in patterns:
            pattern = before + str(getattr(one, "pattern", ""))
            inner = getattr(one, "url_patterns", None)
            if inner is not None and getattr(one, "namespace", None) is None:
                collect(inner, pattern)
            elif inner is None and getattr(one, "name", None):
                found[str(getattr(one, "name"))] = pattern  # noqa: B009

    collect(import_module(f"pencere.web.urls.{role}").urlpatterns, "/")
    return found


def missed(role: str, seen: set[str]) -> list[str]:
    """Return the routes of a role no page of which was looked at."""
    left = []
    for name, pattern in routes_of(role).items():
        if name in NO_PAGES[role] | SEEN_ELSEWHERE | ONE_VERSION | NOT_EXTENDED:
            continue
        shape = re.sub(r"<[^>]+>", "[^/]+", pattern)
        shape = re.sub(r"^/(az|en|ru)/", "/(az|en|ru)/", shape)
        if not any(re.fullmatch(shape, path) for path in seen):
            left.append(name)
    return left


@pytest.fixture(scope="session")
def looked() -> dict[str, set[str]]:
    """Collect which addresses of which role were looked at in this file."""
    return {"portal": set(), "office": set()}


PUBLIC = [
    "", "services/", "services/driving-licence-replace/", "services/residence-certificate/",
    "services/driving-licence-first/", "search/?q=pasport", "search/?q=zzzzqqq", "search/",
    "life/car/", "verify/", "verify/?code=abc", "help/", "accessibility/", "personal-data/",
    "about/", "components/", "sign-in/", "sign-in/card/",
    "registry/", "registry/?q=zzzzqqq", "registry/systems/bpqmi/population/",
    "registry/systems/bpqmi/population/versions/1/", "registry/agreements/portal-person-own/",
    "registry/bodies/bpqmi/", "registry/concepts/", "registry/concepts/address/",
    "registry/graph/", "registry/graph/bodies/idda/", "registry/graph/systems/idda/portal/",
    "registry/figures/", "registry/codelists/", "registry/codelists/economic-regions/",
    "registry/codelists/economic-regions/versions/2/", "registry/data/",
]  # fmt: skip
FAULTY = {"verify/?code=abc": 422}


def test_public_pages(platform, new_page, portrait: Path, looker: Looker, looked) -> None:
    page = looker.open(new_page())
    for path in PUBLIC:
        looker.go(page, f"{platform.portal}/az/{path}", status=FAULTY.get(path, 200))
    page.goto(f"{platform.portal}/az/services/")
    page.goto(f"{platform.portal}/az/verify/AAAAAAAAAAAAAAAAAAAA/")
    looker.look(page)
    looker.go(page, f"{platform.portal}/az/no-such-page/", status=404)
    page.goto(f"{platform.portal}/az/sign-in/")
    page.locator("main form button").first.click()
    looker.look(page)
    page.goto(f"{platform.portal}/az/verify/")
    page.locator("input[name=file]").set_input_files(portrait)
    page.locator("form:has(input[name=file]) button").click()
    looker.look(page)
    for language in ("en", "ru"):
        for path in PUBLIC:
            page.goto(f"{platform.portal}/{language}/{path}")
            looker.narrow(page)
    looked["portal"] |= looker.seen


def test_a_first_visit_is_light_and_no_public_page_needs_a_script(
    platform, new_page, looker: Looker
) -> None:
    for path in ("", "services/driving-licence-replace/", "search/?q=pasport"):
        page = looker.open(new_page())
        looker.sent.clear()
        page.goto(f"{platform.portal}/az/{path}", wait_until="networkidle")
        weight = sum(size for kind, _url, size in looker.sent if kind != "Image")
        assert 2_000 < weight <= FIRST_VISIT_BYTES, path
    with_script, without = new_page(), new_page(javascript=False)
    for path in PUBLIC:
        with_script.goto(f"{platform.portal}/az/{path}")
        without.goto(f"{platform.portal}/az/{path}")
        assert words_of(with_script) == words_of(without)


def words_of(page: Page) -> list[str]:
    return page.locator("main").inner_text().split()


def test_the_keyboard_reaches_everything_and_focus_is_seen(platform, new_page) -> None:
    page = new_page()
    for path in ("", "services/driving-licence-replace/", "search/?q=pasport", "verify/",
                 "sign-in/"):  # fmt: skip
        page.goto(f"{platform.portal}/az/{path}")
        page.keyboard.press("Tab")
        skip = page.locator(".skip:focus")
        assert skip.count() == 1
        box = skip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.goto(f"{platform.portal}/az/{path}")
        wanted = page.locator(
            "a[href]:visible, button:visible, input:not([type=hidden]):visible, summary:visible"
        ).count()
        reached = set()
        for _ in range(min(wanted, 40)):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                """() => {
                    const at = document.activeElement, style = getComputedStyle(at);
                    const every = [...document.querySelectorAll('*')].indexOf(at);
                    return [every, style.outlineStyle, parseFloat(style.outlineWidth)];
                }"""
            )
            assert seen[1] != "none", page.evaluate("document.activeElement.outerHTML")
            assert seen[2] >= 2
            reached.add(seen[0])
        assert len(reached) >= min(wanted, 40) - 1


def test_pages_of_an_application(
    platform, people, walk, new_page, portrait: Path, looker: Looker, looked
) -> None:
    page, who = looker.open(new_page()), people["leyla"]
    draft = walk.begin_anew(page, who, "driving-licence-replace")
    looker.look(page)
    walk.go_on(page)
    looker.look(page)
    walk.answer(page, reason="lost")
    looker.look(page)
    walk.answer(page, lost_on__day="41", lost_on__month="x", lost_on__year="2026")
    looker.look(page)
    walk.answer(page, lost_on__day="20", lost_on__month="11", lost_on__year="2026")
    looker.look(page)
    walk.answer(page, phone="12")
    looker.look(page)
    walk.answer(page, phone="050 123 45 67")
    looker.look(page)
    walk.go_on(page)
    looker.look(page)
    walk.answer(page, photo=portrait)
    looker.look(page)
    for language in ("en", "ru"):
        page.goto(f"{platform.portal}/{language}/{page.url.split('/', 4)[4]}")
        looker.narrow(page)
    page.goto(f"{draft}check/")
    walk.go_on(page)
    walk.pay(page, "failed")
    page.wait_for_url("**/applications/*/pay/")
    walk.wait_until_gone(page, "[data-waiting]")
    looker.look(page)
    walk.go_on(page)
    walk.pay_and_return(page)
    looker.look(page)
    walk.go_on(page)
    looker.look(page)
    code = page.locator("strong.code").inner_text()
    walk.confirm(who, code=code, pin=who.pin2)
    walk.wait_until_gone(page, "strong.code")
    looker.look(page)
    page.locator("a[href$='/messages/']").click()
    looker.look(page)
    page.goto(f"{platform.portal}/az/")
    looker.look(page)

    refused = looker.open(new_page())
    walk.enter(refused, people["samir"])
    refused.goto(f"{platform.portal}/az/apply/driving-licence-replace/")
    looker.look(refused)
    looked["portal"] |= looker.seen


def test_pages_of_the_window(platform, people, walk, new_page, looker: Looker, looked) -> None:
    page = looker.open(new_page())
    draft = walk.begin_anew(page, people["leyla"], "residence-certificate")
    while page.locator("main form input[type=radio]").count():
        page.locator("main form input[type=radio]").first.check()
        walk.go_on(page)
    looker.look(page)
    walk.go_on(page)
    walk.documents_of(page, walk.number_of(page))
    page.goto(draft)
    page.locator("main details summary").first.click()  # how it was decided
    looker.look(page)
    page.locator("a[href$='/satisfied/']").click()
    looker.look(page)
    walk.go_on(page)
    looker.look(page)  # nothing chosen
    page.locator("main form input[type=radio]").first.check()
    walk.go_on(page)
    looker.look(page)
    paths = ["window/", "window/notices/", "window/data/", "window/access/", "window/payments/",
             "window/notices/mail/", "window/notices/sms/", "window/consents/", "window/powers/",
             "documents/", "devices/", "window/certificates/", "remote-keys/"]  # fmt: skip
    for path in paths:
        looker.go(page, f"{platform.portal}/az/{path}")
        if path not in {"window/", "devices/", "window/certificates/", "remote-keys/"}:
            link = page.locator("main a[href*='/az/']:not(.back):not([href$='.pdf'])")
            here = urlsplit(page.url).path
            deeper = [
                href for one in link.all()
                if (href := one.get_attribute("href") or "").startswith(here) and href != here
                and "?" not in href
            ]  # fmt: skip
            if deeper:
                looker.go(page, platform.portal + deeper[0])
    for language in ("en", "ru"):
        for path in paths:
            page.goto(f"{platform.portal}/{language}/{path}")
            looker.narrow(page)
    page.locator("main form button").first.wait_for()
    out = looker.open(new_page())
    walk.enter(out, people["tofiq"])
    out.locator("form[action$='/sign-out/'] button").click()
    looker.look(out)
    out.goto(f"{platform.portal}/az/sign-in/")
    out.locator("[name=fin]").fill(people["tofiq"].fin)
    out.locator("[name=phone]").fill(people["tofiq"].phone)
    out.locator("main form button").first.click()
    out.locator("strong.code").wait_for()
    looker.look(out)
    out.locator("form[action$='/cancel/'] button").click()
    walk.visits.clear()
    looked["portal"] |= looker.seen


def test_pages_of_the_office(
    platform, people, walk, new_page, portrait: Path, looker: Looker, looked
) -> None:
    citizen, officer = new_page(), looker.open(new_page())
    number = walk.send_licence(citizen, people["leyla"], portrait)
    walk.enter(officer, people["rashad"], office=True)
    looker.go(officer, f"{platform.office}/az/")
    looker.go(officer, f"{platform.office}/az/cases/{number}/")
    walk.take_case(officer, number)
    looker.look(officer)
    looker.go(officer, f"{platform.office}/az/cases/{number}/messages/")
    officer.goto(f"{platform.office}/az/cases/{number}/")
    for language in ("en", "ru"):
        for path in ("", f"cases/{number}/", f"cases/{number}/decide/?action=refuse"):
            officer.goto(f"{platform.office}/{language}/{path}")
            looker.narrow(officer)
    walk.open_decision(officer, number, "refuse")
    looker.look(officer)
    walk.decide(officer)
    looker.look(officer)
    walk.open_decision(officer, number)
    version = officer.locator("input[name=version]").input_value()
    looker.go(officer, f"{platform.office}/az/batch/?case={number}~{version}")
    officer.locator("input[value=grant]").check()
    for _ in range(3):  # to the words, to the confirmation, to what happened
        walk.go_on(officer)
        looker.look(officer)
    looker.go(officer, f"{platform.office}/az/cases/{number}/")
    for path in ("", "bodies/idda/", "systems/idda/portal/"):
        looker.go(officer, f"{platform.office}/az/registry/graph/{path}")
    looker.go(officer, f"{platform.office}/az/devices/")
    looker.go(officer, f"{platform.office}/az/audit/", status=403)
    for name, path in (
        ("vuqar", "team/"),
        ("vuqar", "appointments/"),
        ("vuqar", "records/"),
        ("vuqar", "records/in/dyp/vehicle/"),
        ("sabina", "audit/"),
        ("sabina", "audit/suppressions/"),
        ("sevil", "money/"),
        ("sevil", "money/days/2026-11-20/"),
        ("tofiq", "services/"),
        ("tofiq", "services/residence-certificate/"),
    ):
        other = looker.open(new_page())
        walk.enter(other, people[name], office=True)
        looker.go(other, f"{platform.office}/az/{path}")
    other.locator("form[action$='/sign-out/'] button").click()
    other.wait_for_load_state()
    looker.look(other)
    looked["office"] |= looker.seen


def test_pages_of_the_registers_desks(platform, people, walk, new_page, looker, looked) -> None:
    registrar = looker.open(new_page())
    walk.enter(registrar, people["gulnar"], office=True)
    for path in ("", "person/", "mass/", "officers/", "applications/new/"):
        looker.go(registrar, f"{platform.office}/az/registration/{path}")
        for language in ("en", "ru"):
            registrar.goto(f"{platform.office}/{language}/registration/{path}")
            looker.narrow(registrar)
    register = looker.open(new_page())
    walk.enter(register, people["ulviyya"], office=True)
    for path in ("", "systems/", "systems/bpqmi/population/", "applications/", "accords/",
                 "nodes/", "agreements/portal-person-own/"):  # fmt: skip
        looker.go(register, f"{platform.office}/az/register/{path}")
        for language in ("en", "ru"):
            register.goto(f"{platform.office}/{language}/register/{path}")
            looker.narrow(register)
    supervisor = looker.open(new_page())
    walk.enter(supervisor, people["murad"], office=True)
    looker.go(supervisor, f"{platform.office}/az/register/country-data/")
    looked["office"] |= looker.seen


def test_pages_of_the_phones_and_the_post(platform, new_page, people, looker: Looker) -> None:
    page = looker.open(new_page())
    looker.go(page, f"{platform.phones}/az/")
    looker.go(page, f"{platform.phones}/az/phones/{people['aydan'].key}")
    looker.go(page, f"{platform.address('post')}/?lang=az")


def test_no_page_was_forgotten(looked: dict[str, set[str]]) -> None:
    if not all(looked.values()):
        pytest.skip("only with the whole file")
    assert {role: missed(role, seen) for role, seen in looked.items()} == {
        "office": [], "portal": []
    }  # fmt: skip
