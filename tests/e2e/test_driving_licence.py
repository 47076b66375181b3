"""A driving licence replaced: citizen, bank, phone, officer, register, document, proof."""

# ruff: noqa: PLR0915 - a journey is long and takes its fixtures by position

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def apply_for_a_licence(walk, page, who, portrait: Path, axe=None) -> str:
    """Go from the service page to the receipt of a lost licence; return the case's address."""
    walk.visit_as(page, who, "/az/apply/driving-licence-replace/")
    if page.locator("main form[method=post]").count() and "/apply/" in page.url:
        walk.go_on(page)
    look(axe, page)
    walk.answer(page, reason="lost")
    look(axe, page)
    walk.answer(page, lost_on__day="20", lost_on__month="11", lost_on__year="2099")
    assert page.locator(".error-text").count() == 1
    look(axe, page)
    walk.answer(page, lost_on__day="20", lost_on__month="11", lost_on__year="2026")
    walk.answer(page, phone="050 123 45 67")
    look(axe, page)
    walk.answer(page, photo=portrait)
    assert page.url.endswith("/check/")
    look(axe, page)
    walk.go_on(page)
    look(axe, page)
    walk.pay(page)
    page.wait_for_url("**/applications/**")
    walk.wait_until_gone(page, "[data-waiting]")
    if page.url.endswith("/check/"):
        walk.go_on(page)
    look(axe, page)
    walk.sign_application(page, who)
    look(axe, page)
    return page.url


def look(axe, page) -> None:
    if axe is not None:
        axe(page)


@pytest.mark.parametrize(
    ("javascript", "name"), [(True, "aydan"), (False, "orxan")],
    ids=["with scripts", "without scripts"],
)  # fmt: skip
def test_a_lost_licence_is_replaced_by_an_officers_decision(
    platform,
    people,
    walk,
    new_page,
    axe,
    witnesses,
    portrait: Path,
    tmp_path: Path,
    javascript,
    name,
) -> None:
    citizen = new_page(javascript=javascript)
    address = apply_for_a_licence(
        walk, citizen, people[name], portrait, axe if javascript else None
    )
    number = re.search(r"DYP-\d{4}-\d{6}", citizen.locator("main").inner_text()).group()

    officer = new_page(javascript=javascript)
    officer.goto(f"{platform.office}/az/")
    walk.sign_in(officer, people["rashad"])
    officer.goto(f"{platform.office}/az/?show=waiting")
    if javascript:
        axe(officer)
    officer.locator("main a", has_text=number).click()
    officer.locator("form[action$='/take/'] button").click()
    if javascript:
        axe(officer)
    officer.locator("input[name=action][value=grant]").check()
    officer.locator("form[action$='/decide/'] button").click()
    if javascript:
        axe(officer)
    officer.locator("form[action$='/decide/'] button").click()
    assert number in officer.locator(".notice.success").inner_text()

    citizen.goto(address)
    for _ in range(120):
        if citizen.locator("a[href$='file.pdf']").count():
            break
        citizen.wait_for_timeout(500)
        citizen.goto(address)
    with citizen.expect_download() as download:
        citizen.locator("a[href$='file.pdf']").first.click()
    licence = tmp_path / "licence.pdf"
    download.value.save_as(licence)
    witnesses(licence)

    everybody = new_page(javascript=javascript)
    everybody.goto(f"{platform.portal}/az/verify/")
    everybody.locator("input[name=file]").set_input_files(licence)
    everybody.locator("form:has(input[name=file]) button").click()
    assert everybody.locator(".notice.success").count() == 1
    spoilt = tmp_path / "spoilt.pdf"
    content = bytearray(licence.read_bytes())
    content[len(content) // 3] ^= 1
    spoilt.write_bytes(content)
    everybody.goto(f"{platform.portal}/az/verify/")
    everybody.locator("input[name=file]").set_input_files(spoilt)
    everybody.locator("form:has(input[name=file]) button").click()
    assert everybody.locator(".notice.error").count() == 1
    assert platform.command("verify", str(spoilt), check=False).returncode != 0

    citizen.goto(f"{platform.portal}/az/window/access/")
    looks = citizen.locator("main .card", has_text=number)
    told = " ".join(looks.all_inner_texts())
    assert all(
        words in told for words in ("Siz,", "Baş Dövlət Yol Polisi", "məhdudlaşdırılması", "Qanun")
    ), told
    if javascript:
        axe(citizen)
    for _ in range(20):
        citizen.goto(f"{platform.portal}/az/window/access/")
        looks.last.locator("a:visible", has_text="Sübut").last.click()
        if citizen.locator(".notice.success").count():
            break
        citizen.wait_for_timeout(1000)
    assert citizen.locator(".notice.success").count() == 1
    if javascript:
        axe(citizen)
