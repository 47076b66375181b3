"""A journey without a script: from a word to a system, who may ask it, and the same by program."""

import json

import pytest

pytestmark = pytest.mark.e2e


def test_a_citizen_finds_who_holds_and_who_may_ask_an_address(platform, new_page) -> None:
    page = new_page(javascript=False)
    page.goto(f"{platform.portal}/az/registry/")
    page.locator("[name=q]").fill("ünvan")
    page.locator("form[role=search] button").click()
    page.locator("main a[href$='/registry/systems/bpqmi/population/']").first.click()
    heading = page.locator("h1").inner_text()
    page.locator("main a[href$='/registry/agreements/portal-person-own/']").first.click()
    assert "idda" not in page.locator("h1").inner_text()
    assert page.locator("main code").first.inner_text() == "portal-person-own"
    page.goto(f"{platform.portal}/az/registry/concepts/address/")
    assert page.locator("main .hits a").first.inner_text() == heading
    answer = page.request.get(f"{platform.portal}/api/registry/v1/systems/bpqmi/population")
    system = json.loads(answer.text())
    assert (answer.status, system["names"]["az"]) == (200, heading)
    again = page.request.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304
    lists = page.request.get(f"{platform.portal}/api/registry/v1/codelists").json()
    assert {"regions", "economic-regions"} <= {one["id"] for one in lists["items"]}
