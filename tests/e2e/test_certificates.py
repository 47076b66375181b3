"""Certificates of people: given by two officers, suspended by their holder, watched in the log."""

import pytest

pytestmark = pytest.mark.e2e

HOLDER = "kamran"  # in the registers, without a telephone


def sign_act(walk, page, officer) -> None:
    """From the page of an act to its page after the officer's signature."""
    page.locator("form[action$='/sign/'] button").click()
    page.wait_for_load_state()
    code = page.locator("strong.code").inner_text()
    walk.confirm(officer, code=code, pin=officer.pin2)
    walk.wait_until_gone(page, "form[action$='/cancel/']")


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_two_officers_give_a_person_certificates(
    platform, walk, new_page, people, axe, javascript: bool
) -> None:
    look = axe if javascript else (lambda _page: None)  # axe is a script
    first, second = (new_page(javascript=javascript) for _ in range(2))
    holder = people[HOLDER]
    walk.enter(first, people["gulnar"], office=True)
    walk.enter(second, people["vuqar"], office=True)

    first.goto(f"{platform.office}/az/registration/applications/new/")
    look(first)
    first.locator("[name=fin]").fill(holder.fin)
    first.locator("[name=phone]").fill("050 777 00 01" if javascript else "050 777 00 02")
    first.locator("[name=method][value=in-person]").check()
    first.locator("[name=document]").fill("AA1234567")
    walk.go_on(first)
    assert holder.given in first.locator("main").inner_text()
    look(first)
    walk.go_on(first)
    look(first)
    sign_act(walk, first, people["gulnar"])
    assert first.locator("form[action$='/sign/']").count() == 0

    second.goto(f"{platform.office}/az/registration/")
    look(second)
    second.locator("main table a").first.click()
    sign_act(walk, second, people["vuqar"])
    code = second.locator("strong.code").inner_text()
    number = second.locator("main").get_by_text("0000", exact=False).first.inner_text()
    second.reload()
    assert second.locator("strong.code").count() == 0

    phone = new_page(javascript=javascript)
    phone.goto(f"{platform.phones}/az/new")
    phone.locator("[name=number]").fill(number)
    phone.locator("[name=code]").fill(code)
    for name, value in (("pin1", "4711"), ("pin2", "48151"), ("puk", "62342108")):
        for field in phone.locator(f"[name={name}], [name={name}_again]").all():
            field.fill(value)
    phone.locator("main form button").first.click()
    phone.wait_for_url("**/phones/*")
    look(phone)

    second.goto(f"{platform.office}/az/registration/person/")
    second.locator("[name=fin]").fill(holder.fin)
    second.locator("main form button").first.click()
    second.wait_for_load_state()
    look(second)
    assert second.locator("[name=serials]").count() == 2


def test_a_person_suspends_a_certificate_and_officers_release_it(
    platform, walk, new_page, people, axe
) -> None:
    holder = people["samir"]
    page, first, second = new_page(), new_page(), new_page()
    walk.enter(page, holder)
    page.goto(f"{platform.portal}/az/window/certificates/")
    axe(page)
    page.locator("button[name=watch][value=yes]").click()
    page.wait_for_load_state()
    living = page.locator("[name=serials]")
    serial = living.first.get_attribute("value")
    living.first.check()
    page.locator("button[name=act][value=suspend]").click()
    page.wait_for_load_state()
    axe(page)
    walk.go_on(page)
    card = page.locator(".card", has_text=serial)
    assert "dayandırılıb" in card.inner_text()

    walk.enter(first, people["gulnar"], office=True)
    walk.enter(second, people["tofiq"], office=True)
    first.goto(f"{platform.office}/az/registration/person/")
    first.locator("[name=fin]").fill(holder.fin)
    first.locator("main form button").first.click()
    first.wait_for_load_state()
    first.locator(f"[name=serials][value='{serial}']").check()
    first.locator("[name=act][value=release]").check()
    first.locator("form[action$='/person/act/'] .actions button").first.click()
    first.wait_for_load_state()
    sign_act(walk, first, people["gulnar"])
    second.goto(first.url)
    sign_act(walk, second, people["tofiq"])
    axe(second)

    page.reload()
    assert "qüvvədədir" in page.locator(".card", has_text=serial).inner_text()
    for _ in range(80):
        page.goto(f"{platform.portal}/az/window/notices/")
        if "dayandırılıb" in page.locator("main").inner_text():
            break
        page.wait_for_timeout(2000)
    assert "Sertifikatınız dayandırılıb" in page.locator("main").inner_text()
    page.goto(f"{platform.portal}/az/window/certificates/")
    page.locator("button[name=watch][value=no]").click()
