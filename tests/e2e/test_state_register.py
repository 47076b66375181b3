"""A body proposes a system; approved, agreed and signed by both sides, it may ask: not before."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

CODE = f"training-{int(time.time())}"
KEY = "the key of a system of this journey"
APPROVERS = ("farid", "kamil", "lala")


@pytest.fixture
def desk(platform, people, walk, new_page) -> Callable[[str], Page]:
    """Give a page at which an officer has signed in; each signs in once."""
    pages: dict[str, Page] = {}

    def enter(name: str) -> Page:
        if name not in pages:
            pages[name] = new_page()
            pages[name].goto(f"{platform.office}/az/")
            walk.sign_in(pages[name], people[name])
        return pages[name]

    return enter


def press(page: Page, name: str, value: str) -> None:
    page.locator(f"button[name={name}][value='{value}']").click()
    page.wait_for_load_state()


def send_section(page: Page) -> None:
    page.locator("main form .actions").last.locator("button").first.click()
    page.wait_for_load_state()


def write_sections(page: Page, here: str, assessment: Path) -> None:
    """Fill every section of a new system, as one goes through them."""
    page.goto(f"{here}sections/general/")
    page.locator("[name=names_az]").fill("Peşə hazırlığı sistemi")
    page.locator("[name=purpose_az]").fill("Peşə kurslarına yazılmaq")
    page.locator("[name=operator]").select_option("dma")
    send_section(page)
    page.locator("[name=act]").first.select_option("mesgulluq-haqqinda")
    send_section(page)
    for number, (field, concept) in enumerate((("Kursun başlığı", ""), ("Soyad", "family-name"))):
        page.locator("[name=object]").nth(number).fill("Dinləyici")
        page.locator("[name=name]").nth(number).fill(field)
        page.locator("[name=concept]").nth(number).select_option(concept)
    send_section(page)
    page.locator("[name=who][value=citizens]").check()
    page.locator("[name=count]").fill("1500")
    page.locator("[name=personal_classes][value=ordinary]").check()
    send_section(page)
    page.locator("[name=sources][value='bpqmi/population']").check()
    send_section(page)
    page.locator("[name=security_class][value='3']").check()
    page.locator("[name=data_centre]").select_option("gov-cloud-main")
    page.locator("[name=unit]").fill("İnformasiya texnologiyaları şöbəsi")
    send_section(page)
    page.locator("[name=document_kind]").select_option("impact-assessment")
    page.locator("[name=file]").set_input_files(assessment)
    send_section(page)
    send_section(page)
    assert page.url == here


def decide_by_all(desk: Callable[[str], Page], here: str) -> None:
    for name in APPROVERS:
        page = desk(name)
        page.goto(here)
        press(page, "decision", "approve")


def step(page: Page, here: str, name: str) -> None:
    page.goto(here)
    press(page, "step", name)


def ask(address: str, fin: str) -> int:
    """Ask the population register as the new system; return the status."""
    request = Request(
        f"{address}/r1/AZ/GOV/bpqmi/population/person/query",
        data=json.dumps({"by": {"fin": fin}}).encode(),
        headers={
            "Content-Type": "application/json",
            "X-Road-Client": f"AZ/GOV/dma/{CODE}",
            "X-Road-Id": str(uuid.uuid4()),
            "X-Road-UserId": "system",
            "Pencere-Client-Key": KEY,
            "Pencere-Purpose": "identify",
            "Pencere-Legal-Basis": "ferdi-melumatlar-haqqinda",
            "Pencere-Case": "DMA-2026-000001",
            "Pencere-Person": fin,
        },
    )
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return int(refused.code)


def wait_for(address: str, fin: str, wanted: int) -> None:
    """Ask until the newest directory has reached the node."""
    end = time.monotonic() + 240
    while (status := ask(address, fin)) != wanted:
        assert time.monotonic() < end, status
        time.sleep(0.5)


def let_in(run: Path) -> None:
    """Give the new system its key at the agencies' node, which reads its own file again."""
    file = run / "gateway-agencies.json"
    said: dict[str, Any] = json.loads(file.read_text())
    said["clients"][f"AZ/GOV/dma/{CODE}"] = hashlib.sha256(KEY.encode()).hexdigest()
    new = file.with_suffix(".new")
    new.write_text(json.dumps(said))
    new.replace(file)


def test_a_proposed_system_may_ask_once_both_have_signed(  # noqa: PLR0915 - one journey
    platform, people, walk, desk, axe, tmp_path: Path
) -> None:
    assessment = tmp_path / "tesir.pdf"
    assessment.write_bytes(b"%PDF-1.7\nassessment of a test")
    base = f"{platform.office}/az/register/"
    gateway = f"http://127.0.0.1:{platform.base_port + 82}"
    fin = people["aydan"].fin
    let_in(platform.data / "run")
    proposer = desk("ulviyya")

    proposer.goto(f"{base}applications/")
    proposer.locator("[name=owner]").select_option("dma")
    proposer.locator("[name=code]").fill(CODE)
    axe(proposer)
    send_section(proposer)
    establish = proposer.url
    write_sections(proposer, establish, assessment)
    axe(proposer)
    # Ask once: the population register holds the family name.
    proposer.locator("input[name^='decision:family-name'][value=use]").check()
    proposer.locator("form[action$='/once/'] button").click()
    proposer.locator("[name=why]").fill("Peşə kurslarına yazılmaq üçün yeni sistem lazımdır.")
    proposer.locator("form[action$='/send/'] button").click()
    proposer.wait_for_load_state()
    axe(desk("farid"))
    decide_by_all(desk, establish)
    desk("lala").goto(establish)
    axe(desk("lala"))

    proposer.goto(f"{base}systems/dma/{CODE}/")
    axe(proposer)
    press(proposer, "kind", "take-into-use")
    use = proposer.url
    proposer.locator("[name=why]").fill("Sistem yoxlanılıb, işə başlayır.")
    proposer.locator("form[action$='/send/'] button").click()
    decide_by_all(desk, use)

    # The request for the agreement was drafted when the system was approved.
    proposer.goto(base)
    proposer.locator("main a[href*='/accords/SZ-']").first.click()
    accord = proposer.url
    proposer.goto(f"{accord}edit/")
    proposer.locator("[name=purposes][value=identify]").check()
    for field in ("fin", "family", "given"):
        proposer.locator(f"[name=fields][value={field}]").check()
    axe(proposer)
    send_section(proposer)
    step(proposer, accord, "offer")
    step(desk("zahra"), accord, "accept")
    step(desk("farid"), accord, "clear")
    nodes = desk("farid")
    nodes.goto(f"{base}nodes/")
    axe(nodes)
    card = nodes.locator(".card", has_text="azintelecom")
    card.locator("summary").click()
    card.locator("select[name=system]").select_option(f"dma/{CODE}")
    card.locator("button[value=serve]").click()

    wait_for(gateway, fin, 403)
    for name in ("tahir", "cavid"):
        page = desk(name)
        page.goto(accord)
        page.locator("form[action$='/sign/'] button").click()
        axe(page)
        code = page.locator("strong.code").inner_text()
        walk.confirm(people[name], code=code, pin=people[name].pin2)
        walk.wait_until_gone(page, "strong.code")
        if name == "tahir":
            assert ask(gateway, fin) == 403
    axe(page)
    address = page.locator("a[href$='file.asics']").get_attribute("href")
    signed = tmp_path / "signed.asics"
    signed.write_bytes(page.request.get(f"{platform.office}{address}").body())

    wait_for(gateway, fin, 200)

    # Anybody can verify the signed document.
    verify = desk("cavid").context.new_page()
    verify.goto(f"{platform.portal}/az/verify/")
    verify.locator("input[name=file]").set_input_files(signed)
    verify.locator("form:has(input[name=file]) button").click()
    said = verify.locator("main").inner_text()
    assert "Tahir" in said, said
    assert "Cavid" in said, said

    # Suspended, it may not ask any more.
    guard = desk("cavid")
    guard.goto(accord)
    guard.locator("main a[href*='/agreements/']").click()
    axe(guard)
    guard.locator("[name=reason]").fill("Sınaq bitdi, saziş dayandırılır")
    press(guard, "step", "suspend")
    wait_for(gateway, fin, 403)
