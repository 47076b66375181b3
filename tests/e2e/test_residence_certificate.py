"""A certificate of residence: no officer, sealed in seconds, verified by anybody."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_citizen_gets_a_certificate_that_anybody_can_verify(
    platform, people, walk, new_page, axe, witnesses, tmp_path: Path, javascript: bool
) -> None:
    page = new_page(javascript=javascript)
    page.goto(f"{platform.portal}/az/")
    page.locator("input[name=q]").fill("yasayis yeri arayisi")
    page.locator("form[role=search] button").click()
    page.locator("main a", has_text="Yaşayış yeri haqqında arayış").first.click()
    page.locator("main a.button, main form .button").first.click()
    walk.sign_in(page, people["aydan"])
    while page.locator("main form input[type=radio]").count():
        page.locator("main form input[type=radio]").first.check()
        walk.go_on(page)
    if javascript:
        axe(page)
    walk.go_on(page)
    if "/sign/" in page.url:
        walk.sign_application(page, people["aydan"])

    walk.wait_until_gone(page, "[data-waiting]", within_s=60)
    with page.expect_download() as download:
        page.locator("a[href$='file.pdf']").first.click()
    certificate = tmp_path / "certificate.pdf"
    download.value.save_as(certificate)

    witnesses(certificate)
