"""SİMA and cards: sign in and sign with the application beside, sign in with a card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from pencere.countries.country import DemoPerson

pytestmark = pytest.mark.e2e


@pytest.fixture
def confirm(platform: Any, new_page: Callable[..., Page], axe: Any) -> Callable[..., Page]:
    """Give the application beside: it opens the link of a page and answers with the PIN."""
    app = new_page(width=380)

    def open_and_answer(page: Page, who: DemoPerson, pin: str, *, reads: str = "") -> Page:
        code = page.locator("strong.code").inner_text()
        link = page.locator("#f-link").input_value()
        app.goto(f"http://127.0.0.1:{platform.base_port + 4}/az/apps/{who.key}")
        axe(app)
        app.locator("#data").fill(link)
        app.locator("main form button").first.click()
        assert app.locator("#code").inner_text() == code
        axe(app)
        app.locator("#pin").fill(pin)
        app.locator("button[value=open]").click()
        if reads:
            assert reads in app.locator("pre").inner_text()
            axe(app)
            app.locator("button[value=sign]").click()
        app.locator(".notice").first.wait_for()
        return app

    return open_and_answer


def begin(page: Page, platform: Any, *, to: str = "/az/devices/") -> None:
    """From a page that needs a person to the page with the QR code."""
    page.goto(f"{platform.portal}{to}")
    page.locator("nav.tabs a", has_text="SİMA").click()
    page.locator("main form .actions button").click()
    page.locator("svg.qr").wait_for()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_person_signs_in_with_sima_and_comes_back_to_the_page(
    platform, people, walk, new_page, axe, confirm, javascript: bool
) -> None:
    page = new_page(javascript=javascript, width=320)
    begin(page, platform)
    if javascript:
        axe(page)

    app = confirm(page, people["aydan"], people["aydan"].pin1)
    walk.wait_until_gone(page, "strong.code")

    assert "/az/devices/" in page.url
    assert app.locator(".notice.good").count() == 1


def test_an_officer_gets_into_the_office_with_sima(
    platform, people, walk, new_page, confirm
) -> None:
    page = new_page()
    page.goto(f"{platform.office}/az/")
    page.locator("nav.tabs a", has_text="SİMA").click()
    page.locator("main form .actions button").click()

    confirm(page, people["rashad"], people["rashad"].pin1)
    walk.wait_until_gone(page, "strong.code")

    assert page.url.startswith(f"{platform.office}/az/")


def test_another_persons_link_is_refused_by_name(
    platform, people, new_page, confirm, walk, portrait
) -> None:
    """An application of Leyla cannot be opened on Aydan's telephone."""
    page = new_page()
    to_sign(page, walk, people["leyla"], portrait)
    page.locator("button[value=sima]").click()

    app = confirm(page, people["aydan"], people["aydan"].pin2)

    assert "sima.another_person" in app.locator(".notice.bad").inner_text()
    assert page.locator("strong.code").count() == 1
    page.locator("form[action$='/sign/cancel/'] button").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_an_application_is_signed_with_sima_after_it_was_read(
    platform, people, walk, new_page, axe, confirm, portrait, javascript: bool
) -> None:
    page = new_page(javascript=javascript)
    to_sign(page, walk, people["leyla"], portrait)
    if javascript:
        axe(page)
    page.locator("button[value=sima]").click()
    page.locator("svg.qr").wait_for()
    if javascript:
        axe(page)

    confirm(page, people["leyla"], people["leyla"].pin2, reads='"definition"')
    walk.wait_until_gone(page, "strong.code")

    assert walk.number_of(page)
    assert "/cases/" in page.url


def to_sign(page: Page, walk: Any, who: DemoPerson, portrait: Path) -> None:
    """Answer everything and pay, up to the page that asks for a signature."""
    walk.fill_licence(page, who, portrait)
    walk.go_on(page)
    walk.pay_and_return(page)


# Cards


@pytest.fixture
def card_token(platform, people, tmp_path: Path) -> Callable[[str, str], str]:
    """Give the command that a person runs: a challenge of a site to a token."""

    def answer(origin: str, nonce: str, who: str = "aydan") -> str:
        pin = tmp_path / "pin"
        pin.write_text(people[who].pin1)
        file = platform.data / "cards" / f"{who}-authentication.p12"
        done = platform.command("token", "authenticate", "--p12", str(file), "--pin-file",
                                str(pin), "--origin", origin, "--nonce", nonce)  # fmt: skip
        return done.stdout

    return answer


def test_a_person_signs_in_with_a_card_by_hand_without_scripts(
    platform, people, new_page, card_token
) -> None:
    page = new_page(javascript=False)
    page.goto(f"{platform.portal}/az/devices/")
    page.locator("nav.tabs a").nth(2).click()
    page.locator("main form .actions button").click()
    words = page.locator("#f-command").input_value().split()
    origin, nonce = words[words.index("--origin") + 1], words[words.index("--nonce") + 1]

    page.locator("#f-token").fill("no token")
    page.locator("main form .actions button").click()
    assert page.locator("#f-token").input_value() == "no token"
    page.locator("#f-token").fill(card_token(origin, nonce))
    page.locator("main form .actions button").click()

    assert page.url == f"{platform.portal}/az/devices/"
    assert page.locator("main .card").count() >= 1


# Speaks the window's messages as the extension does; the card behind it is a function of the test.
EXTENSION = """
addEventListener("message", async (event) => {
  const { action, challengeNonce } = event.data ?? {};
  if (action === "web-eid:status") {
    postMessage({ action: "web-eid:status-ack" }, location.origin);
    postMessage({ action: "web-eid:status-success", extension: "2.2.0" }, location.origin);
  }
  if (action === "web-eid:authenticate") {
    postMessage({ action: "web-eid:authenticate-ack" }, location.origin);
    const token = await window.cardToken(location.origin, challengeNonce);
    postMessage({ action: "web-eid:authenticate-success", ...token }, location.origin);
  }
});
"""


def test_a_person_signs_in_with_a_card_by_the_extension(
    platform, people, new_page, axe, card_token
) -> None:
    page = new_page()
    page.expose_function("cardToken", lambda origin, nonce: json.loads(card_token(origin, nonce)))
    page.add_init_script(EXTENSION)
    page.goto(f"{platform.portal}/en/devices/")
    page.locator("nav.tabs a").nth(2).click()
    page.locator("[data-web-eid] button").wait_for()
    axe(page)

    page.locator("[data-web-eid] button").click()

    page.wait_for_url(f"{platform.portal}/en/devices/")


def test_without_the_extension_the_page_says_what_to_install(platform, new_page, axe, said) -> None:
    page = new_page(width=320)
    page.goto(f"{platform.portal}/en/sign-in/card/")

    page.locator("[data-web-eid] [role=status]", has_text="web-eid.eu").wait_for()

    assert not page.locator("[data-web-eid] button").is_visible()
    axe(page)
