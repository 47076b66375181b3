"""The desk: a photograph asked for again, a refusal with its ground, doors that stay shut."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e


@pytest.fixture
def desk(platform, people, walk, new_page):
    """Give a page at which an officer has signed in: `desk("rashad", width=320, dark=True)`."""

    def enter(name: str, **shape) -> Page:
        page = new_page(**shape)
        page.goto(f"{platform.office}/az/")
        walk.sign_in(page, people[name])
        page.goto(f"{platform.office}/az/")
        return page

    return enter


def apply(walk, page, who, portrait: Path) -> tuple[str, str]:
    """Apply for a new licence because the old one is damaged; return address and number."""
    walk.visit_as(page, who, "/az/apply/driving-licence-replace/")
    if page.locator("main form[method=post]").count() and "/apply/" in page.url:
        walk.go_on(page)
    walk.answer(page, reason="damaged")
    walk.answer(page, damage="Su dəyib, yazı oxunmur.")
    walk.answer(page, phone="050 123 45 67")
    walk.answer(page, photo=portrait)
    walk.go_on(page)
    walk.pay(page)
    page.wait_for_url("**/applications/**")
    walk.wait_until_gone(page, "[data-waiting]")
    if page.url.endswith("/check/"):
        walk.go_on(page)
    walk.sign_application(page, who)
    number = re.search(r"DYP-\d{4}-\d{6}", page.locator("main").inner_text()).group()
    return page.url.partition("?")[0], number


def take(platform, officer: Page, number: str) -> None:
    officer.goto(f"{platform.office}/az/?number={number}")
    officer.locator("form[action$='/take/'] button").click()


def choose(officer: Page, action: str) -> None:
    officer.locator(f"input[name=action][value={action}]").check()
    officer.locator("form[action$='/decide/'] button").click()


def confirm(officer: Page) -> None:
    officer.locator("form[action$='/decide/'] button").click()


def wait_for(page: Page, address: str, selector: str, within_s: int = 240) -> None:
    for _ in range(within_s * 2):
        page.goto(address)
        if page.locator(selector).count():
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{selector} did not come to {address}")


def test_a_photograph_is_asked_for_again_while_the_clock_stands(
    platform, people, walk, desk, new_page, axe, portrait: Path
) -> None:
    citizen, officer = new_page(), desk("rashad")
    address, number = apply(walk, citizen, people["leyla"], portrait)

    take(platform, officer, number)
    axe(officer)
    choose(officer, "mend")
    axe(officer)
    confirm(officer)
    assert officer.locator(".error-text").count() == 1  # a mending needs a word
    axe(officer)
    officer.locator("[name=comment]").fill("Şəkildə üzünüz kölgədədir.")
    confirm(officer)
    assert number in officer.locator(".notice.success").inner_text()
    assert "dayandırılıb" in officer.locator("aside").inner_text()
    axe(officer)

    wait_for(citizen, address, "input[name=photo]")
    assert "kölgədədir" in citizen.locator("main").inner_text()
    assert "dayandırılıb" in citizen.locator("aside").inner_text().lower()
    axe(citizen)
    wait_for(citizen, f"{platform.portal}/az/window/notices/", f"main :text('{number}')")

    citizen.goto(address)
    citizen.locator("input[name=photo]").set_input_files(portrait)
    citizen.locator("form[action$='/answer/'] button").click()
    assert citizen.locator(".notice.success").count() == 1

    officer.goto(f"{platform.office}/az/?show=mine")
    officer.locator("main a", has_text=number).click()
    assert "dayanmışdı" in officer.locator("aside").inner_text()
    choose(officer, "grant")
    confirm(officer)
    assert number in officer.locator(".notice.success").inner_text()
    wait_for(citizen, address, "a[href$='file.pdf']")


def test_who_may_not_drive_is_refused_with_the_ground_and_gets_the_fee_back(
    platform, people, walk, desk, new_page, axe, portrait: Path, tmp_path: Path
) -> None:
    citizen, officer = new_page(), desk("rashad", javascript=False)
    address, number = apply(walk, citizen, people["emin"], portrait)

    take(platform, officer, number)
    assert officer.locator("input[name=action][value=grant]").count() == 0
    assert officer.locator("main .tag.bad").count() >= 1
    choose(officer, "refuse")
    confirm(officer)
    assert officer.locator(".summary a[href='#f-reasons']").count() == 1
    officer.locator("input[name=reasons][value=disqualified]").check()
    officer.locator("[name=comment]").fill("Məhdudiyyət bitəndə yenidən müraciət edin.")
    confirm(officer)
    assert number in officer.locator(".notice.success").inner_text()
    assert "imza etibarlı" in officer.locator(".marks").inner_text()

    wait_for(citizen, address, "a[href$='file.pdf']")
    said = citizen.locator("main").inner_text()
    assert "Sürücülük hüququ məhdudlaşdırılıb və müddət bitməyib." in said
    assert "Məhdudiyyət bitəndə yenidən müraciət edin." in said
    assert "şikayət edə bilərsiniz" in said
    axe(citizen)
    with citizen.expect_download() as download:
        citizen.locator("a[href$='file.pdf']").first.click()
    refusal = tmp_path / "refusal.pdf"
    download.value.save_as(refusal)
    verified = platform.command("verify", str(refusal), check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    wait_for(officer, officer.url, "aside li.done:has-text('Rüsumun qaytarılması')")
    citizen.goto(f"{platform.portal}/az/window/payments/")
    assert "qaytar" in citizen.locator("main").inner_text().lower()


def test_each_role_has_its_own_desk_and_no_other(platform, people, walk, desk, axe) -> None:
    auditor = desk("sabina")
    assert auditor.url.endswith("/az/audit/")
    axe(auditor)
    assert auditor.goto(f"{platform.office}/az/team/").status == 403
    editor = desk("tofiq")
    assert editor.url.endswith("/az/services/")
    axe(editor)
    assert editor.goto(f"{platform.office}/az/audit/").status == 403
    other_body = desk("gulnar")
    assert other_body.goto(f"{platform.office}/az/cases/DYP-2026-000001/").status == 404


def test_a_citizen_does_not_get_into_the_office(platform, people, walk, new_page) -> None:
    page = new_page()
    page.goto(f"{platform.office}/az/")
    walk.sign_in(page, people["samir"])

    answer = page.goto(f"{platform.office}/az/")

    assert "/az/" not in page.url or answer.status in {302, 403}
    assert page.locator("table, form[action*='cases']").count() == 0
