"""A person decides who may ask for their data; a look hidden by law is for the auditor to see."""

import uuid

import pytest
import requests

from pencere.kernel.clock import SystemClock

pytestmark = pytest.mark.e2e

LICENCE = "/r1/AZ/GOV/dyp/dyp/driving-licence/query"
PERSON = "/r1/AZ/GOV/bpqmi/population/person/query"


def ask(platform, system: str, path: str, fin: str, **headers: str) -> requests.Response:
    """Ask as a body's own system does, at its own node."""
    file = platform.data / "secrets" / "client" / system.replace("/", "-")
    # A body asks its own node.
    node = f"http://127.0.0.1:{platform.base_port + 82}"
    return requests.post(
        node + path,
        json={"by": {"fin": fin}},
        headers={
            "X-Road-Client": f"AZ/GOV/{system}",
            "X-Road-UserId": "system",
            "Pencere-Client-Key": file.read_text("utf-8").strip(),
            "Pencere-Person": fin,
            **headers,
        },
        timeout=20,
    )


def employment(platform, fin: str) -> tuple[int, object]:
    answer = ask(
        platform, "dma/employment", LICENCE, fin,
        **{"Pencere-Purpose": "job-matching", "Pencere-Legal-Basis": "mesgulluq-haqqinda"},
    )  # fmt: skip
    if answer.status_code != 200:
        return answer.status_code, answer.headers["X-Road-Error"].rpartition(".")[2]
    return 200, [sorted(one["data"]) for one in answer.json()["records"]]


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_what_a_person_allows_is_given_and_nothing_else(
    platform, people, walk, new_page, axe, javascript: bool
) -> None:
    aydan, page = people["aydan"], new_page(javascript=javascript)
    before = employment(platform, aydan.fin)

    walk.enter(page, aydan)
    page.goto(f"{platform.portal}/az/window/consents/")
    if javascript:
        axe(page)
    page.locator("main a.button", has_text="Bax və qərar ver").first.click()
    for box in page.locator("main input[name=fields]").all()[1:]:
        box.uncheck()
    page.locator("input[name=until]").fill(f"31.12.{SystemClock().now().year + 1}")
    if javascript:
        axe(page)
    page.locator("main form .button").first.click()
    given = employment(platform, aydan.fin)
    page.goto(f"{platform.portal}/az/window/access/")
    told = page.locator("main").inner_text()
    page.goto(f"{platform.portal}/az/window/consents/")
    page.locator("main .button", has_text="Geri götür").first.click()
    after = employment(platform, aydan.fin)

    assert before == (403, "consent_missing")
    assert given == (200, [["categories"]])
    assert "Sizin icazənizlə" in told
    assert "Dövlət Məşğulluq Agentliyi" in told
    assert after == (403, "consent_missing")


def test_a_look_that_the_law_hides_is_shown_to_the_auditor_and_not_to_the_person(
    platform, people, walk, new_page
) -> None:
    order, aydan = f"Order {uuid.uuid4().hex[:8]}", people["aydan"]
    answer = ask(
        platform, "mia/inquiry", PERSON, aydan.fin,
        **{
            "Pencere-Purpose": "criminal-inquiry",
            "Pencere-Legal-Basis": "emeliyyat-axtaris-haqqinda",
            "Pencere-Case": "DIN-2026-000001",
            "X-Road-PDU-Hidden": "true",
            "X-Road-PDU-Hidden-Reason": order.replace(" ", "%20"),
        },
    )  # fmt: skip
    page = new_page()
    walk.enter(page, aydan)
    page.goto(f"{platform.portal}/az/window/access/")
    told = page.locator("main").inner_text()
    office = new_page()
    walk.enter(office, people["sabina"], office=True)
    office.goto(f"{platform.office}/az/audit/suppressions/")

    assert answer.status_code == 200, answer.text
    assert "DIN-2026-000001" not in told
    assert order in office.locator("main").inner_text()
    assert aydan.fin not in office.content()
