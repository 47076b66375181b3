"""An exchange of one's own, from the log to the page on which anybody checks its evidence."""

import json
import re
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def test_the_evidence_of_an_exchange_is_judged_by_anybody(
    platform, people, walk, new_page, axe, said, tmp_path: Path
) -> None:
    page = new_page()
    walk.enter(page, people["aydan"])
    page.goto(f"{platform.portal}/az/window/data/")
    page.goto(f"{platform.portal}/az/window/access/")
    exchange = re.findall(r"/access/population/([0-9A-Za-z-]+)/", page.content())[0]
    file = tmp_path / "exchange.asice"
    end = time.monotonic() + 480
    while True:  # until the time-stamp of the exchange's minute is there
        platform.command("gateway", "evidence", exchange, "--no-bodies", "-o", str(file))
        judged = platform.command("verify", str(file), "--json", check=False)
        if json.loads(judged.stdout)["indication"] == "TOTAL-PASSED":
            break
        assert time.monotonic() < end, judged.stdout
        file.unlink()
        time.sleep(5)
    spoilt = tmp_path / "spoilt.asice"
    content = file.read_bytes()
    at = content.index(b"Pencere-Purpose") if b"Pencere-Purpose" in content else 2000
    spoilt.write_bytes(content[:at] + b"X" + content[at + 1 :])

    everybody = new_page(javascript=False, width=320)
    for name, light, words in (
        (file, "success", "verify.exchange"),
        (spoilt, "error", "verify.bad"),
    ):
        everybody.goto(f"{platform.portal}/en/verify/")
        everybody.locator("input[name=file]").set_input_files(name)
        everybody.locator("main form").last.locator("button").last.click()
        assert everybody.locator(f".notice.{light} h2").inner_text().strip() == said(words, "en")
        assert people["aydan"].fin not in everybody.content()

    shown = new_page()
    shown.goto(f"{platform.portal}/az/verify/")
    shown.locator("input[name=file]").set_input_files(file)
    shown.locator("main form").last.locator("button").last.click()
    shown.wait_for_load_state()
    axe(shown)
