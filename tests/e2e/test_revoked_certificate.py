"""A certificate revoked between signing in and signing. Last of the journeys: it stays revoked."""

from pathlib import Path

import psycopg
import pytest

from pencere.ops.installation import Installation

pytestmark = pytest.mark.e2e


def serials_to_sign_with(platform, fin: str) -> list[str]:
    """Return the serial numbers of a person's signature certificates, as `ca revoke` takes them."""
    installation = Installation.from_environment(
        {"PENCERE_DATA": str(platform.data), "PENCERE_BASE_PORT": str(platform.base_port)}
    )
    with psycopg.connect(installation.database_url("trust")) as connection:
        rows = connection.execute(
            "select encode(serial, 'hex') from trust.certificate c where holder = %s"
            " and profile = 'person-signature' and state = 'issued'"
            " and not exists (select from trust.revocation r where r.serial = c.serial)",
            [f"PNOAZ-{fin}"],
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("when", ["before the request", "while the telephone asks"])
def test_a_revoked_certificate_signs_nothing_and_the_payment_stays(
    platform, people, walk, new_page, portrait: Path, said, when: str
) -> None:
    page, who = new_page(), people["orxan" if when == "before the request" else "emin"]
    draft = walk.fill_licence(page, who, portrait, language="en")
    number = walk.number_of(page)
    walk.go_on(page)
    walk.pay_and_return(page)
    if when == "while the telephone asks":
        walk.go_on(page)
        page.locator("strong.code").wait_for()
    for serial in serials_to_sign_with(platform, who.fin):
        platform.command("ca", "revoke", serial, "--reason", "key-compromise")
    if when == "while the telephone asks":
        walk.phone_page.goto(f"{platform.phones}/en/phones/{who.key}")
        walk.phone_page.locator("#pin").fill(who.pin2)
        walk.phone_page.locator("button[value=confirm]").click()
        page.wait_for_url(f"{draft}sign/")
    else:
        walk.go_on(page)

    assert said("sign_outcome.mobile_no_client", "en") in page.locator("main").inner_text()
    page.goto(f"{platform.portal}/en/window/payments/")
    row = page.locator("main tbody tr", has_text=number)
    assert row.filter(has=page.locator(".tag.good")).count() == 1
    page.goto(f"{platform.portal}/en/cases/{number}/")
    assert page.locator("h1").count() == 1
    assert number not in page.locator("h1").inner_text()
    page.goto(draft)
    assert page.url.endswith("/check/")
