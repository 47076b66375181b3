"""A visit, from the invitation to the list of the day at the desk."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e


def fits(page: Page) -> None:
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1], page.url


def test_an_invited_applicant_takes_a_time_on_a_small_screen_without_a_script(
    platform, people, walk, new_page, axe, portrait: Path
) -> None:
    citizen, officer = new_page(), new_page()
    number = walk.send_licence(citizen, people["leyla"], portrait)
    walk.enter(officer, people["rashad"], office=True)
    walk.take_case(officer, number)
    walk.open_decision(officer, number, "invite")
    officer.locator("[name=comment]").fill("Fotoşəkli yerində çəkəcəyik.")
    walk.decide(officer)
    small = new_page(javascript=False, width=320)
    small.context.add_cookies(citizen.context.cookies())
    address = f"{platform.portal}/az/cases/{number}/"

    small.goto(address)
    small.locator(f"a[href$='/cases/{number}/appointment/']").click()
    for _ in range(2):  # the place, the day
        fits(small)
        small.locator("main ul.grid a").last.click()
    fits(small)
    small.locator("input[name=slot]").first.check()
    walk.go_on(small)
    fits(small)
    assert small.locator("a[href$='.ics']").count() == 1

    for path in ("appointment/", "appointment/?change=1",
                 "appointment/?change=1&place=baku-licences"):  # fmt: skip
        citizen.goto(address + path)
        axe(citizen)
    with citizen.expect_download() as file:
        citizen.goto(f"{address}appointment/")
        citizen.locator("a[href$='.ics']").click()
    assert Path(file.value.path()).read_bytes().startswith(b"BEGIN:VCALENDAR")
    day = citizen.locator("dl.facts dd").first.inner_text()
    officer.goto(f"{platform.office}/az/appointments/?place=baku-licences")
    axe(officer)
    assert day
    for action in ("seen", "grant"):  # nothing is left on the officer's desk
        walk.open_decision(officer, number, action)
        walk.decide(officer)
