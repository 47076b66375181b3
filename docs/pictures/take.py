"""Takes the pictures of README and the manuals from a running platform.

How: docs/how-to/take-pictures.md.

    pencere up --detach --data /tmp/pictures --people 200
    python docs/pictures/take.py --data /tmp/pictures

The steps are those of the browser journeys (`tests/e2e/conftest.py`), so a picture shows what a
person really meets.
"""

# ruff: noqa: T201 - a command

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from pencere.countries.country import Country, DemoPerson
from pencere.ops.state import read_state

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "e2e"))
from conftest import Platform, Walk, draw_portrait  # noqa: E402, the journeys are no package

LARGEST_BYTES = 150_000
COLOURS = (256, 128, 64, 32)
WIDE, NARROW = (1280, 860), (320, 640)


class Photographer:
    """Pages of fixed sizes, and small files of them."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder

    def page(self, size: tuple[int, int] = WIDE, *, dark: bool = False) -> Page:
        """Open a window of its own."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="az-AZ",
        )
        context.set_default_timeout(20_000)
        return context.new_page()

    def take(self, page: Page, name: str) -> None:
        """Keep what the window shows, with as many colours as the size allows."""
        page.evaluate("document.activeElement?.blur()")
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_load_state("networkidle")
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        for colours in COLOURS:
            packed = io.BytesIO()
            small = shot.quantize(colours, dither=Image.Dither.NONE)
            small.save(packed, "PNG", optimize=True)
            if packed.tell() <= LARGEST_BYTES:
                break
        (self._folder / f"{name}.png").write_bytes(packed.getvalue())
        print(f"{name}.png  {shot.width} x {shot.height}  {packed.tell() // 1024} KB")


def take_all(camera: Photographer, platform: Platform, people: dict[str, DemoPerson]) -> None:
    """Go through one replacement of a licence and take pictures on the way."""
    phone, citizen = camera.page((390, 780)), camera.page()
    walk = Walk(platform, phone, {})
    aydan, portal = people["aydan"], platform.portal
    visitor = camera.page()
    visitor.goto(f"{portal}/az/")
    camera.take(visitor, "start")
    visitor.goto(f"{portal}/az/services/driving-licence-replace/")
    camera.take(visitor, "service")

    walk.begin_anew(citizen, aydan, "driving-licence-replace")
    small = camera.page(NARROW, dark=True)
    small.context.add_cookies(citizen.context.cookies())  # type: ignore[arg-type] # as given
    small.goto(citizen.url)
    camera.take(small, "question")
    with tempfile.TemporaryDirectory() as folder:
        walk.fill_licence(citizen, aydan, draw_portrait(Path(folder)))
    camera.take(citizen, "check")
    walk.go_on(citizen)
    walk.pay_and_return(citizen)
    walk.go_on(citizen)
    code = citizen.locator("strong.code").inner_text()
    phone.goto(f"{platform.phones}/az/phones/{aydan.key}")
    phone.locator("#code").wait_for()
    camera.take(phone, "phone")
    walk.confirm(aydan, code=code, pin=aydan.pin2 or "")
    walk.wait_until_gone(citizen, "strong.code")
    number = walk.number_of(citizen)

    officer = camera.page()
    walk.enter(officer, people["rashad"], office=True)
    walk.take_case(officer, number)
    officer.goto(officer.url)  # without the notice of the last act
    camera.take(officer, "case")
    walk.open_decision(officer, number)
    walk.decide(officer)

    (document,) = walk.documents_of(citizen, number)
    citizen.goto(f"{portal}/az/window/")
    camera.take(citizen, "window")
    citizen.goto(f"{portal}/az/window/access/")
    camera.take(citizen, "access")
    for _ in range(20):
        citizen.goto(f"{portal}/az/window/access/")
        cards = citizen.locator("main .card", has_text=number)
        cards.last.locator("a:visible", has_text="Sübut").last.click()
        if citizen.locator(".notice.success").count():
            break
        citizen.wait_for_timeout(1000)
    camera.take(citizen, "proof")
    visitor.goto(portal + document.replace("file.pdf", "").replace("documents", "verify"))
    camera.take(visitor, "verified")


def main() -> int:
    """Take all pictures."""
    options = argparse.ArgumentParser(description="Take the pictures of a running platform.")
    options.add_argument("--data", type=Path, default=Path("var"), metavar="DIR")
    options.add_argument("--base-port", type=int, metavar="N", help="default: as it was started")
    options.add_argument("--to", type=Path, default=HERE, metavar="DIR")
    options.add_argument("--chromium", default="chromium", metavar="PROGRAM")
    given = options.parse_args()
    state = read_state(given.data / "run")
    if state is None:
        print(f"No platform runs on {given.data}. Start one: pencere up --data {given.data}")
        return 1
    platform = Platform(given.data, given.base_port or state.base_port)
    people = {person.key: person for person in Country.load("az").demo_persons}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(given.chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        take_all(Photographer(browser, given.to), platform, people)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
