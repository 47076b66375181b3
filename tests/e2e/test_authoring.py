"""A service is changed at the desk: one author writes, another publishes, people see it at once."""

import secrets

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_an_author_changes_a_service_and_another_publishes_it(
    platform, people, walk, new_page, axe, javascript: bool
) -> None:
    author, second = new_page(javascript=javascript), new_page(javascript=javascript)

    def looked_at(page) -> None:
        if javascript:
            axe(page)

    words = f"Qeydiyyat ünvanınızı təsdiq edən möhürlü sənəd ({secrets.token_hex(3)})."
    walk.enter(author, people["zahra"], office=True)
    author.goto(f"{platform.office}/az/services/drafts/")
    looked_at(author)
    author.locator("input[name=service]").fill("residence-certificate")
    walk.go_on(author)
    draft = author.url
    looked_at(author)
    author.locator("a[href$='/files/service.yaml/']").click()
    text = author.locator("textarea[name=text]").input_value()
    before = text[text.index("  az: ", text.index("summary:")) :].splitlines()[0]

    def save(changed: str) -> None:
        author.locator("textarea[name=text]").fill(changed)
        walk.go_on(author)

    save(text.replace(before, f'  az: "{words}"').replace("authority: bpqmi", "authority: nobody"))
    assert "authority" in author.locator("main").inner_text()  # a fault is said with its key
    looked_at(author)
    save(text.replace(before, f'  az: "{words}"'))
    for language in ("az", "en", "ru"):
        author.goto(draft.replace("/az/", f"/{language}/") + "preview/")
        assert author.locator("fieldset[disabled] input").count() > 1
        looked_at(author)
    author.goto(draft)
    author.locator("a[href$='/question/']").click()
    looked_at(author)
    walk.go_on(author)
    looked_at(author)  # nothing was written
    author.goto(draft)
    author.locator("textarea[name=reason]").fill("Qısa və aydın.")
    walk.go_on(author)
    proposal = author.url
    assert author.locator("button[value=publish]").count() == 0  # not one's own

    walk.enter(second, people["gulnar"], office=True)
    second.goto(proposal)
    assert words in second.locator("main").inner_text()
    looked_at(second)
    second.locator("button[value=publish]").click()
    second.wait_for_url("**/services/drafts/")
    second.locator("a[href$='/withdraw/']").first.click()
    looked_at(second)

    reader = new_page(javascript=javascript)
    for _ in range(20):
        reader.goto(f"{platform.portal}/az/services/residence-certificate/?new={_}")
        if words in reader.locator("main").inner_text():
            break
        reader.wait_for_timeout(500)
    assert words in reader.locator("main").inner_text()
