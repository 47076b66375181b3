"""A whole platform for the browser journeys, started as a newcomer starts it, and a browser.

`PENCERE_E2E_DATA` and `PENCERE_E2E_BASE_PORT` name a platform that runs already.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page

import pencere.web
from pencere.countries.country import Country, DemoPerson

# Playwright's sync API runs an event loop in this thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

BASE_PORT = 18600
PEOPLE = 200
# Waits end when what is waited for is there; this is only how long a machine that others use too
# may take before it is called a fault.
PATIENCE = 4
A_JOURNEY_S = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a journey longer than a unit test before it counts as one that hangs."""
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(A_JOURNEY_S))


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

    def address(self, role: str) -> str:
        """Return where a role answers."""
        said = json.loads(self.command("status", "--json").stdout)
        return next(row["address"] for row in said["processes"] if row["role"] == role)

    @contextlib.contextmanager
    def held_down(self, role: str) -> Iterator[None]:
        """Kill a role and keep it down: connections to it are refused at once.

        The supervisor is stopped meanwhile, so that it does not start the role again.
        """
        pids, address = self.processes(), self.address(role)
        os.kill(pids["supervisor"], signal.SIGSTOP)
        try:
            os.killpg(pids[role], signal.SIGKILL)
            until(lambda: not answers(address), within_s=10)
            yield
        finally:
            os.kill(pids["supervisor"], signal.SIGCONT)
            until(lambda: answers(address), within_s=60)

    @contextlib.contextmanager
    def frozen(self, role: str) -> Iterator[None]:
        """Let a role hang: connections are taken and nothing is answered."""
        group = self.processes()[role]
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)


def answers(address: str) -> bool:
    """Say whether a role is healthy."""
    try:
        with urlopen(f"{address}/healthz", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def until(holds: Callable[[], bool], *, within_s: float) -> None:
    """Wait for something that is not in the page."""
    end = time.monotonic() + within_s * PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


@cache
def _sentences() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}

    def collect(prefix: str, value: object) -> None:
        if not isinstance(value, dict):
            return
        if {"az", "en", "ru"} <= value.keys():
            found[prefix] = value
            return
        for key, inner in value.items():
            collect(f"{prefix}.{key}" if prefix else str(key), inner)

    for file in sorted((Path(pencere.web.__file__).parent / "locale").glob("*.yaml")):
        collect("", yaml.safe_load(file.read_text("utf-8")))
    return found


@pytest.fixture(scope="session")
def said() -> Callable[[str, str], str]:
    """Give the sentence of a key in a language, as people read it."""
    return lambda key, language: _sentences()[key][language]


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """Start a platform in an empty folder; stop it at the end."""
    given = os.environ.get("PENCERE_E2E_DATA")
    if given:
        yield Platform(Path(given), int(os.environ.get("PENCERE_E2E_BASE_PORT", "8000")))
        return
    folder = Path(tempfile.mkdtemp(prefix="pencere-e2e-"))
    for base_port in range(BASE_PORT, BASE_PORT + 4000, 1000):  # one may be in use by another run
        platform = Platform(folder, base_port)
        started = platform.command("up", "--detach", "--people", str(PEOPLE), check=False)
        if "port.taken" not in started.stdout + started.stderr:
            break
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
    contexts: list[BrowserContext] = []

    def make(*, javascript: bool = True, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            locale="az-AZ",
        )
        context.set_default_timeout(20_000 * PATIENCE)
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
    visits: dict[str, list[dict[str, object]]]

    def enter(self, page: Page, who: DemoPerson, *, office: bool = False) -> None:
        """Let the person be signed in here, by a visit begun in an earlier test if it lasts."""
        host = self.platform.office if office else self.platform.portal
        key = f"{host}/{who.key}"
        home = f"{host}/az/" if office else f"{host}/az/window/"
        page.context.add_cookies(self.visits.get(key, []))
        page.goto(home)
        if page.locator("[name=fin]").count():
            self.sign_in(page, who)
            page.goto(home)
        self.visits[key] = page.context.cookies()

    def begin_anew(self, page: Page, who: DemoPerson, service: str, *, language: str = "az") -> str:
        """Open an application that nothing was answered in; return its address."""
        self.enter(page, who)
        start = f"{self.platform.portal}/{language}/apply/{service}/"
        page.goto(start)
        draft = self.draft_of(page)
        page.request.post(f"{draft}leave/", form={"csrfmiddlewaretoken": self.token(page)})
        page.goto(start)
        return self.draft_of(page)

    def draft_of(self, page: Page) -> str:
        """Return the address of the application whose page is open."""
        found = re.match(r".*/applications/[0-9a-f-]{36}/", page.url)
        assert found is not None, page.url
        return found.group()

    def token(self, page: Page) -> str:
        """Return the token of the forms of the page."""
        return page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""

    def fill_licence(
        self, page: Page, who: DemoPerson, photo: Path, *, language: str = "az"
    ) -> str:
        """Answer all questions of a lost licence; return the address of the application."""
        draft = self.begin_anew(page, who, "driving-licence-replace", language=language)
        self.answer(page, reason="lost")
        self.answer(page, lost_on__day="20", lost_on__month="11", lost_on__year="2026")
        self.answer(page, phone="050 123 45 67")
        self.answer(page, photo=photo)
        assert page.url == f"{draft}check/"
        return draft

    def pay_and_return(self, page: Page) -> None:
        """From the bank's page, paying, to the page that says what is signed."""
        self.pay(page)
        page.wait_for_url("**/applications/**")
        for _ in range(60):
            if page.url.endswith("/sign/"):
                return
            page.wait_for_timeout(250)
        raise AssertionError(f"{page.url} did not go on")

    def send_licence(
        self, page: Page, who: DemoPerson, photo: Path, *, language: str = "az"
    ) -> str:
        """Answer, pay, sign; return the number of the case whose page is open then."""
        self.fill_licence(page, who, photo, language=language)
        self.go_on(page)
        self.pay_and_return(page)
        self.sign_application(page, who)
        return self.number_of(page)

    def number_of(self, page: Page) -> str:
        """Return the number that the page names."""
        found = re.search(r"[A-Z]{2,6}-\d{4}-\d{6}", page.locator("main").inner_text())
        assert found is not None, page.url
        return found.group()

    def take_case(self, page: Page, number: str) -> None:
        """As an officer who is signed in, take a case."""
        page.goto(f"{self.platform.office}/az/cases/{number}/")
        page.locator("form[action$='/take/'] button").click()
        page.wait_for_load_state()

    def open_decision(self, page: Page, number: str, action: str = "grant") -> None:
        """As the officer of the case, come to the page that asks for reasons."""
        page.goto(f"{self.platform.office}/az/cases/{number}/decide/?action={action}")
        assert page.locator("form[action$='/decide/']").count() == 1

    def decide(self, page: Page) -> None:
        """Press the button of the decision."""
        page.locator("form[action$='/decide/'] button").first.click()
        page.wait_for_load_state()

    def documents_of(self, page: Page, number: str, *, within_s: float = 60) -> list[str]:
        """Wait until a case has documents and nothing more is prepared; return their addresses."""
        address = f"{self.platform.portal}/az/cases/{number}/"
        end = time.monotonic() + within_s * PATIENCE
        while True:
            page.goto(address)
            links = page.locator("a[href$='file.pdf']")
            if links.count() and not page.locator("[data-waiting]").count():
                return [link.get_attribute("href") or "" for link in links.all()]
            assert time.monotonic() < end, page.locator("main").inner_text()
            page.wait_for_timeout(500)

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
        for _ in range(int(within_s * 4 * PATIENCE)):
            try:
                if page.locator(selector).count() == 0 and page.locator("main").count():
                    return
            except Exception:  # the page may be going on in this moment
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


@pytest.fixture(scope="session")
def visits() -> dict[str, list[dict[str, object]]]:
    """Hold the cookies of who has signed in, for later tests."""
    return {}


@pytest.fixture
def walk(platform: Platform, new_page: NewPage, visits: dict[str, list[dict[str, object]]]) -> Walk:
    """Give the steps, with a page for the phones."""
    return Walk(platform, new_page(), visits)


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an upright picture that passes for a photograph."""
    return draw_portrait(tmp_path_factory.mktemp("portrait"))


def draw_portrait(folder: Path) -> Path:
    """Draw the picture of nobody."""
    picture = Image.new("RGB", (620, 800), "#e8e4da")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((190, 150, 430, 470), fill="#c99f7d")
    pen.ellipse((250, 280, 280, 300), fill="#2a2320")
    pen.ellipse((340, 280, 370, 300), fill="#2a2320")
    pen.arc((260, 340, 360, 410), 20, 160, fill="#7a3b34", width=6)
    pen.rectangle((110, 520, 510, 800), fill="#2f4a52")
    path = folder / "portrait.jpg"
    picture.save(path, quality=92)
    return path


@pytest.fixture
def witnesses(platform: Platform, tmp_path: Path) -> Callable[[Path], None]:
    """Give a check that `pencere verify`, pdfsig and openssl agree that a PDF is sealed."""

    def check(pdf: Path) -> None:
        ours = platform.command("verify", str(pdf), check=False)
        assert ours.returncode == 0, ours.stdout + ours.stderr
        theirs = subprocess.run(
            ["pdfsig", "-nocert", str(pdf)], capture_output=True, text=True, check=False
        )
        assert "Signature is Valid" in theirs.stdout
        content = pdf.read_bytes()
        ranges = re.search(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", content)
        assert ranges is not None
        start, length, again, rest = (int(number) for number in ranges.groups())
        (tmp_path / "signed").write_bytes(
            content[start : start + length] + content[again : again + rest]
        )
        cms = bytes.fromhex(content[start + length + 1 : again - 1].decode("ascii"))
        (tmp_path / "cms").write_bytes(cms)
        openssl = subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "cms",
             "-content", tmp_path / "signed", "-CAfile", platform.data / "pki" / "root.crt",
             "-purpose", "any", "-out", os.devnull],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert openssl.returncode == 0, openssl.stderr

    return check
