"""Acting for another: a mother for her child, and by a power that is given and ended."""

import pytest

from pencere.kernel.clock import SystemClock

pytestmark = pytest.mark.e2e


def act_for(page, name: str) -> None:
    card = page.locator("main .card", has_text=name)
    card.locator("form[action$='/powers/act/'] button").first.click()
    page.wait_for_url("**/window/")


def send_certificate(platform, page) -> None:
    """Apply for a certificate of residence with what stands first in every question."""
    page.goto(f"{platform.portal}/az/apply/residence-certificate/")
    while page.locator("main form input[type=radio]").count():
        page.locator("main form input[type=radio]").first.check()
        page.locator("main form .actions button").first.click()
        page.wait_for_load_state()
    page.locator("main form .actions button").first.click()
    page.wait_for_load_state()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_mother_gets_a_certificate_for_her_daughter(
    platform, people, walk, new_page, axe, javascript: bool
) -> None:
    page = new_page(javascript=javascript)
    walk.enter(page, people["leyla"])
    page.goto(f"{platform.portal}/az/window/powers/")
    if javascript:
        axe(page)
    act_for(page, "Nigar Məmmədova")
    if javascript:
        axe(page)

    send_certificate(platform, page)
    walk.wait_until_gone(page, "[data-waiting]", within_s=60)
    assert "Nigar Məmmədova" in page.locator(".acting").inner_text()
    number = walk.number_of(page)
    assert walk.documents_of(page, number)

    # What is her own stays closed until she stops, and then what is the child's.
    page.goto(f"{platform.portal}/az/window/data/")
    assert page.locator("main form, main dl").count() == 0
    if javascript:
        axe(page)
    page.locator(".acting button").click()
    page.wait_for_url("**/window/")
    assert page.locator(".acting").count() == 0
    page.goto(f"{platform.portal}/az/cases/{number}/")
    assert page.locator("main", has_text=number).count() == 0


def test_a_power_is_given_used_and_ended(platform, people, walk, new_page, axe) -> None:
    giver, holder = new_page(), new_page(width=320)
    walk.begin_anew(giver, people["aydan"], "power-of-attorney")
    axe(giver)
    walk.answer(giver, agent=people["orxan"].fin)
    # Enough to notice a slip of the pen, and no stranger's name.
    assert "Orxan" in giver.locator("main").inner_text()
    assert "Həsənov" not in giver.locator("main").inner_text()
    axe(giver)
    giver.locator("button[name=confirm]").click()
    walk.answer(giver, extent="some")
    giver.locator("input[value=moving]").check()
    walk.go_on(giver)
    year = str(SystemClock().now().year + 1)
    walk.answer(giver, until__day="1", until__month="3", until__year=year)
    walk.go_on(giver)
    walk.sign_application(giver, people["aydan"])
    number = walk.number_of(giver)
    assert walk.documents_of(giver, number)

    walk.enter(holder, people["orxan"])
    holder.goto(f"{platform.portal}/az/window/powers/")
    act_for(holder, "Aydan Quliyeva")
    send_certificate(platform, holder)
    walk.wait_until_gone(holder, "[data-waiting]", within_s=60)
    for_aydan = walk.number_of(holder)
    # She sees what he did in her name.
    giver.goto(f"{platform.portal}/az/cases/{for_aydan}/")
    assert "Orxan Həsənov" in giver.locator("main").inner_text()

    document = walk.documents_of(giver, number)[0]
    giver.goto(f"{platform.portal}/az/window/powers/")
    axe(giver)
    giver.locator("form[action$='/powers/end/'] button").first.click()
    giver.wait_for_load_state()
    assert giver.locator("form[action$='/powers/end/']").count() == 0

    holder.locator(".acting button").click()
    holder.goto(f"{platform.portal}/az/window/powers/")
    assert holder.locator("main .card", has_text="Aydan Quliyeva").count() == 0
    # The document says so too.
    giver.goto(platform.portal + document.removesuffix("file.pdf"))
    assert "ləğv" in giver.locator("main").inner_text()
