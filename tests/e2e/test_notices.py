"""A person gives an address and a number without a script, and hears by both."""

import re

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

ADDRESS, NUMBER = "leyla.sinaq@example.az", "+994551112233"


def texts_to(post: Page, address: str, whom: str) -> list[str]:
    """Return what the simulated post office has for somebody, newest first."""
    post.goto(f"{address}/?lang=en")
    return post.locator(f"article:has(dd:text-is('{whom}')) .text").all_inner_texts()


def fits(page: Page) -> None:
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1], page.url


@pytest.mark.parametrize(
    ("way", "whom", "said"),
    [
        ("mail", ADDRESS, r"E-mail: sent"),
        ("sms", NUMBER, r"Text message: (sent|arrived)"),
    ],
)
def test_who_confirms_an_address_hears_there_of_what_is_new(
    platform, people, walk, new_page, axe, way: str, whom: str, said: str
) -> None:
    signed_in, page, post = new_page(), new_page(javascript=False, width=320), new_page()
    office = platform.address("post")
    walk.visit_as(signed_in, people["leyla"], "/en/window/")
    page.context.add_cookies(signed_in.context.cookies())
    settings = f"{platform.portal}/en/window/notices/{way}/"

    page.goto(settings)
    page.locator("[name=address]").fill(whom)
    page.locator("form:has([name=address]) button").click()
    fits(page)
    code = re.search(r"\b[0-9]{6}\b", texts_to(post, office, whom)[0])
    assert code is not None
    page.locator("[name=code]").fill(code[0])
    page.locator("form:has([name=code]) button").click()
    assert page.locator("main strong", has_text=whom).count() == 1
    fits(page)
    signed_in.goto(settings)
    axe(signed_in)

    # Of a new way to reach somebody they are told at once: by that way too.
    for _ in range(90):
        if platform.portal in (notice := texts_to(post, office, whom)[0]):
            break
        post.wait_for_timeout(1000)
    assert (platform.portal in notice, whom in notice, "Leyla" in notice) == (True, False, False)
    page.goto(f"{platform.portal}/en/window/notices/")
    page.locator("main ul.list a").first.click()
    assert re.search(said, page.locator("main").inner_text())
    axe(post)
