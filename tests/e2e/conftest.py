"""A whole platform for the browser journeys, started as a newcomer starts it, and a browser.

`PENCERE_E2E_DATA` and `PENCERE_E2E_BASE_PORT` name a platform that runs already.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page

from pencere.countries.country import Country, DemoPerson

# Playwright's sync API runs an event loop in this thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

BASE_PORT = 18600
PEOPLE = 200


@dataclass(frozen=True)
class Platform:
    """A running platform."""

    data: Path
    base_port: int

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.base_port}"

    @property
    def office(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 1}"

    @property
    def phones(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 2}"

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `pencere` against this platform."""
        environment = {
            **os.environ,
            "PENCERE_DATA": str(self.data),
            "PENCERE_BASE_PORT": str(self.base_port),
        }
        return subprocess.run(
            [sys.executable, "-m", "pencere.cli", *words],
            env=environment, capture_output=True, text=True, check=check, timeout=300,
        )  # fmt: skip

    def processes(self) -> dict[str, int]:
        """Return the pid of each role."""
        said = json.loads(self.command("status", "--json").stdout)
        rows = said["processes"] if isinstance(said, dict) else said
        return {row["role"]: row["pid"] for row in rows}


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """Start a platform in an empty folder; stop it at the end."""
    given = os.environ.get("PENCERE_E2E_DATA")
    if given:
        yield Platform(Path(given), int(os.environ.get("PENCERE_E2E_BASE_PORT", "8000")))
        return
    folder = Path(tempfile.mkdtemp(prefix="pencere-e2e-"))
    platform = Platform(folder, BASE_PORT)
    started = platform.command("up", "--detach", "--people", str(PEOPLE), check=False)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield platform
    finally:
        platform.command("down", check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Use the distribution's Chromium; Playwright's own builds are never downloaded."""
    path = os.environ.get("PENCERE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        message = "no chromium on PATH; name one in PENCERE_CHROMIUM"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
             "--disable-background-networking", "--disable-sync"]  # fmt: skip
    return {**browser_type_launch_args, "executable_path": path, "args": ["--no-sandbox", *quiet]}


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Give pages in windows of their own: `new_page(javascript=False, width=320, dark=True)`."""
    contexts = []

    def make(*, javascript: bool = True, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            locale="az-AZ",
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], None]:
    """Give a check that axe-core finds nothing on a page."""

    def check(page: Page) -> None:
        found = Axe().run(page)
        violations = [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]
        ]
        assert violations == [], page.url

    return check


@pytest.fixture(scope="session")
def people() -> dict[str, DemoPerson]:
    """Give the persons of the demonstration by their short names."""
    return {person.key: person for person in Country.load("az").demo_persons}


@dataclass(frozen=True)
class Walk:
    """What a person does in a browser, step by step, with their phone beside it."""

    platform: Platform
    phone_page: Page

    def confirm(self, who: DemoPerson, *, code: str, pin: str) -> None:
        """Open the phone, compare the code, give the PIN."""
        self.phone_page.goto(f"{self.platform.phones}/az/phones/{who.key}")
        for _ in range(40):
            if self.phone_page.locator("#code").count():
                break
            self.phone_page.wait_for_timeout(250)
            self.phone_page.reload()
        assert self.phone_page.locator("#code").inner_text() == code
        self.phone_page.locator("#pin").fill(pin)
        self.phone_page.locator("button[value=confirm]").click()
        self.phone_page.locator("[role=status]").first.wait_for()

    def sign_in(self, page: Page, who: DemoPerson) -> None:
        """Fill the sign-in page that is open and wait until the portal or the office has it."""
        page.locator("[name=fin]").fill(who.fin)
        page.locator("[name=phone]").fill(who.phone)
        page.locator("main form button").first.click()
        code = page.locator("strong.code").inner_text()
        self.confirm(who, code=code, pin=who.pin1)
        self.wait_until_gone(page, "strong.code")

    def wait_until_gone(self, page: Page, selector: str, within_s: float = 30) -> None:
        """Wait for a page that goes on by itself, with a script or by reloading."""
        for _ in range(int(within_s * 4)):
            try:
                if page.locator(selector).count() == 0 and page.locator("main").count():
                    return
            except Exception:  # noqa: BLE001, S110 - the page may be going on in this moment
                pass
            page.wait_for_timeout(250)
        raise AssertionError(f"{page.url} did not go on")

    def visit_as(self, page: Page, who: DemoPerson, path: str) -> None:
        """Open a page of the portal that needs a signed-in person."""
        page.goto(self.platform.portal + path)
        if page.locator("[name=fin]").count():
            self.sign_in(page, who)

    def answer(self, page: Page, **values: str | Path) -> None:
        """Answer the question on the page and go on."""
        for name, value in values.items():
            field = page.locator(f"[name='{name.replace('__', '-')}']")
            if isinstance(value, Path):
                field.set_input_files(value)
            elif field.first.get_attribute("type") == "radio":
                page.locator(f"[name='{name}'][value='{value}']").check()
            else:
                field.fill(value)
        self.go_on(page)

    def go_on(self, page: Page) -> None:
        """Press the first button of the page's own form."""
        page.locator("main form .actions button").first.click()
        page.wait_for_load_state()

    def sign_application(self, page: Page, who: DemoPerson) -> None:
        """From the page that says what is signed to the receipt."""
        self.go_on(page)
        code = page.locator("strong.code").inner_text()
        self.confirm(who, code=code, pin=who.pin2)
        self.wait_until_gone(page, "strong.code")

    def pay(self, page: Page, outcome: str = "paid") -> None:
        """Pay at the bank's own page and come back."""
        page.locator(f"button[value={outcome}]").click()
        if page.locator("a.button").count() and "/pay/" in page.url:
            page.locator("a.button").first.click()


@pytest.fixture
def walk(platform: Platform, new_page: NewPage) -> Walk:
    """Give the steps, with a page for the phones."""
    return Walk(platform, new_page())


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw an upright picture that passes for a photograph."""
    picture = Image.new("RGB", (620, 800), "#e8e4da")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((190, 150, 430, 470), fill="#c99f7d")
    pen.ellipse((250, 280, 280, 300), fill="#2a2320")
    pen.ellipse((340, 280, 370, 300), fill="#2a2320")
    pen.arc((260, 340, 360, 410), 20, 160, fill="#7a3b34", width=6)
    pen.rectangle((110, 520, 510, 800), fill="#2f4a52")
    path = tmp_path_factory.mktemp("portrait") / "portrait.jpg"
    picture.save(path, quality=92)
    return path
