"""A registrar corrects a car through the whole platform, and its owner sees who looked."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def pictured(page, name: str) -> None:
    """Keep pictures where asked for, in the two widths."""
    folder = os.environ.get("PENCERE_PICTURES")
    if folder is None:
        return
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_registrar_corrects_a_car_and_its_owner_sees_it(
    platform, walk, new_page, people, axe, javascript: bool
) -> None:
    look = axe if javascript else (lambda _page: None)  # axe is a script
    owner = people["aydan"]
    colour = "blue" if javascript else "red"
    mine, page = new_page(javascript=javascript), new_page(javascript=javascript)
    walk.enter(mine, owner)  # an extract is put among the documents of who has been here
    walk.enter(page, people["vuqar"], office=True)
    page.goto(f"{platform.office}/az/records/")
    look(page)
    page.locator("main a[href*='/dyp/vehicle/']").click()
    walk.go_on(page)  # nothing said: no purpose, no case, no person
    assert page.locator("main .error-text").count() == 3
    look(page)
    page.locator("[name=purpose][value=keep-vehicles]").check()
    page.locator("[name=case]").fill("DYP-118/26")
    page.locator("[name=fin]").fill(owner.fin)
    pictured(page, "find")
    walk.go_on(page)
    assert owner.fin not in page.url
    look(page)
    pictured(page, "found")
    page.locator("main table a").first.click()
    look(page)
    pictured(page, "record")
    page.locator("main a[href$='/correct/']").click()
    page.locator("[name=field-plate]").fill("nonsense")
    page.locator("[name=field-colour]").select_option(colour)
    page.locator("[name=reason]").fill("DYP-118/26")
    walk.go_on(page)
    assert page.locator("#f-field-plate-error").count() == 1
    look(page)
    pictured(page, "refused")
    page.locator("[name=field-plate]").fill("10-AR-417")
    walk.go_on(page)
    history = page.locator("main table.table").inner_text()
    assert ("İsmayılov" in history, "→" in history) == (True, True)
    look(page)
    pictured(page, "corrected")
    if javascript:  # of one version a day there is one paper
        with page.expect_download(timeout=30_000) as given:
            page.locator("form[action$='/extract/'] button").click()
        code = given.value.suggested_filename.partition("-")[2].partition(".")[0]
        assert Path(given.value.path()).read_bytes().startswith(b"%PDF-")
        anybody = new_page(javascript=javascript)
        anybody.goto(f"{platform.portal}/az/verify/{code}/")
        assert anybody.locator("main .notice.success").count() == 1
        assert "Yol Polisi" in anybody.locator("main table").first.inner_text()
        pictured(anybody, "verified")

    mine.goto(f"{platform.portal}/az/window/access/")
    assert "Nəqliyyat vasitələrinin reyestrinin aparılması" in mine.locator("main").inner_text()
