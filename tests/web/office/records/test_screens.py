"""The registrar's desk over the real registers: only the gateway's node between them is the test's.

The node of this test hands each exchange to the application of the registers as the agencies'
node does, headers and all, and remembers what it handed over.
"""

import html
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from django.test import Client
from tests.servers import serving

from pencere.countries import Country
from pencere.kernel.clock import FixedClock
from pencere.registers.app import Config, create_app
from pencere.web.exchange import Gateway
from pencere.web.issued.domain import folder, sealing
from pencere.web.issued.models import IssuedDocument
from pencere.web.office.records import acts, extracts, views
from pencere.web.people.models import Person

SECRET = "node"
OWNER = "6AYDN47"
CAR = {
    "fin": OWNER, "plate": "10-AR-417", "vin": "WBA12345678901234", "make": "Lada",
    "model": "Niva", "year": 2009, "colour": "white", "registered": "2020-02-01",
}  # fmt: skip


@dataclass
class Node:
    """What was asked, and the registers behind it."""

    registers: Callable[..., httpx.Response]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    is_away: bool = False

    def call(self, method: str, path: str, purpose: str, **body: Any) -> Any:
        """Ask the register as another system does."""
        sent = {
            "Authorization": f"Bearer {SECRET}", "X-Road-Client": "AZ/GOV/idda/portal",
            "X-Road-Id": "other", "X-Road-UserId": "AZ2RSAD76", "Pencere-Purpose": purpose,
            "Pencere-Legal-Basis": "yol-herekati-haqqinda", "Pencere-Case": "A-1",
            "Pencere-Person": OWNER,
        }  # fmt: skip
        if "version" in body:
            sent["If-Match"] = f'"{body.pop("version")}"'
        path = f"/v1/dyp/vehicle{path}"
        return self.registers(method, path, json=body or None, headers=sent).json()


@asynccontextmanager
async def service(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(config)
    async with app.router.lifespan_context(app):
        way = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=way, base_url="http://registers") as client:
            yield client


@pytest.fixture
def node(
    make_database: Callable[[str], Any], clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Node]:
    config = Config(make_database("registers").app, SECRET, Country.load("az"), clock)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(service(config)) as registers,
    ):

        def ask(*args: Any, **facts: Any) -> httpx.Response:
            return portal.call(partial(registers.request, *args, **facts))

        node = Node(ask)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on(b"")

            def do_POST(self) -> None:
                self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

            def _pass_on(self, content: bytes) -> None:
                # /r1/AZ/GOV/dyp/dyp/vehicle/...
                path = "/v1/" + self.path.split("/", 5)[5]
                sent = dict(self.headers.items())
                node.asked.append((self.command, path, sent))
                if node.is_away:
                    self._answer(503, b'{"type": "Server.ServerProxy.ServiceFailed"}')
                    return
                sent["Authorization"] = f"Bearer {SECRET}"
                answer = ask(self.command, path, content=content, headers=sent)
                self._answer(answer.status_code, answer.content)

            def _answer(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        with serving(Handler) as port:
            client = Gateway(address=f"http://127.0.0.1:{port}", key="k")
            for module in (views, acts, extracts):
                monkeypatch.setattr(module, "gateway", lambda: client)
            yield node


@pytest.fixture
def car(node: Node) -> dict[str, Any]:
    """A car that is there already."""
    made = node.call("POST", "/records", "keep-vehicles", valid_from="2020-02-01",
                     reason="act 1", data=CAR)  # fmt: skip
    assert isinstance(made, dict)
    return made


@pytest.fixture
def clerk(make_officer: Callable[..., Person], sign_in: Callable[..., Client]) -> Client:
    return sign_in(make_officer("Vüqar", "İsmayılov"), ("dyp", "registrar"))


FIND = "/az/records/in/dyp/vehicle/"


def look(client: Client, **typed: str) -> str:
    """Look a person's cars up; return the address of what is found."""
    form = {"purpose": "keep-vehicles", "fin": OWNER, "case": "DYP-118/26", **typed}
    answer = client.post(FIND, form)
    assert answer.status_code == 302, text(answer)
    return str(answer["Location"])


def text(answer: Any) -> str:
    """Return what people read of a page."""
    page = answer.content.decode().partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def filled(client: Client, address: str, **typed: str) -> dict[str, str]:
    """Return the form at an address as it stands there, with some fields typed anew."""
    page = client.get(address).content.decode()
    hidden = dict(re.findall(r'name="(once|version)" value="([^"]*)"', page))
    names = [name for name in CAR if name != "fin"]
    data = {f"field-{name}": str(CAR[name]) for name in names}
    return {**hidden, **data, "valid-from": "", "reason": "letter 7",
            **{name.replace("__", "-"): value for name, value in typed.items()}}  # fmt: skip


def test_nothing_is_asked_of_the_register_before_a_purpose_is_chosen(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    answer = clerk.post(FIND, {"fin": OWNER, "case": "DYP-118/26"})

    assert (answer.status_code, node.asked, OWNER in answer.request["PATH_INFO"]) == (
        400,
        [],
        False,
    )
    assert "Məqsədi seçin." in text(answer)


def test_a_look_up_says_who_why_and_about_whom_and_no_address_names_the_person(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = look(clerk, **{"key-plate": "10 ar 417"})
    page = clerk.get(address)

    [(method, path, sent)] = node.asked
    assert (method, path, page.status_code) == ("POST", "/v1/dyp/vehicle/query", 200)
    assert {name: sent[name] for name in sent if name.startswith("Pencere-P") or name in {
        "Pencere-Case", "X-Road-Represented-Party"}} == {
        "Pencere-Purpose": "keep-vehicles", "Pencere-Person": OWNER, "Pencere-Case": "DYP-118/26",
        "X-Road-Represented-Party": "GOV/dyp",
    }  # fmt: skip
    assert "10-AR-417" in text(page)
    assert OWNER not in address


def test_one_record_has_its_fields_by_name_and_its_history_by_officer(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = look(clerk)
    answer = clerk.post(
        f"{address}{car['id']}/correct/",
        filled(clerk, f"{address}{car['id']}/correct/", field__colour="red"),
    )
    page = text(clerk.get(answer["Location"]))
    english = text(clerk.get(answer["Location"].replace("/az/", "/en/")))

    assert answer.status_code == 302
    assert "Rəngi: ağ → qırmızı" in page
    assert "Vüqar İsmayılov letter 7 · DYP-118/26" in page
    assert "Colour red" in english


def test_for_a_purpose_of_looking_fields_are_masked_and_nothing_can_be_changed(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = look(clerk, purpose="check-vehicle")
    page = text(clerk.get(f"{address}{car['id']}/"))
    doors = [clerk.get(f"{address}{way}").status_code
             for way in ("new/", f"{car['id']}/annul/")]  # fmt: skip

    assert ("•••••••••••••1234" in page, CAR["vin"] in page, OWNER in page) == (True, False, False)
    # Nor does the history of a record tell what the purpose hides, or which colleague it was.
    assert ("2009" in page, "act 1" in page, doors) == (False, False, [403, 403])


def test_a_day_that_is_over_shows_what_held_then(
    node: Node, car: dict[str, Any], clerk: Client, clock: FixedClock
) -> None:
    node.call("PUT", f"/records/{car['id']}", "keep-vehicles", version=1, op="amend",
              valid_from="2024-05-01", reason="painted", data={**CAR, "colour": "red"})  # fmt: skip
    clock.advance(timedelta(seconds=1))
    address = f"{look(clerk)}{car['id']}/"
    data = [
        text(clerk.get(address, {"on": day})).partition("Hansı günə")[0].partition("Rəngi ")[2][:3]
        for day in ("30.04.2024", "01.05.2024", "")
    ]
    wrong = clerk.get(address, {"on": "01.05.2030"})

    assert data == ["ağ ", "qır", "qır"]
    assert (wrong.status_code, "Gün gələcəkdə ola bilməz" in text(wrong)) == (400, True)


def test_what_the_register_refuses_is_said_beside_the_field_and_the_rest_stays(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = f"{look(clerk)}{car['id']}/correct/"
    answer = clerk.post(address, filled(clerk, address, field__plate="no", field__model="<Niva>"))
    page = answer.content.decode()

    assert answer.status_code == 400
    assert 'id="f-field-plate-error"' in page
    assert 'href="#f-field-plate"' in page
    assert ('value="&lt;Niva&gt;"' in page, "<Niva>" in page) == (True, False)


@pytest.mark.parametrize(
    ("typed", "where"),
    [({"reason": " "}, "reason"), ({"valid__from": "31.02.2026"}, "valid-from"),
     ({"valid__from": "01.01.2027"}, "valid-from"), ({"field__year": "MMIX"}, "field-year"),
     ({"field__colour": "ultraviolet"}, "field-colour"), ({"field__make": ""}, "field-make")],
)  # fmt: skip
def test_what_cannot_be_is_refused_beside_its_field_and_nothing_is_written(
    node: Node, car: dict[str, Any], clerk: Client, typed: dict[str, str], where: str
) -> None:
    address = f"{look(clerk)}{car['id']}/correct/"
    answer = clerk.post(address, filled(clerk, address, **typed))
    there = node.call("GET", f"/records/{car['id']}", "keep-vehicles")

    assert (answer.status_code, there["version"]) == (400, 1)
    assert f'id="f-{where}-error"' in answer.content.decode()


def test_two_who_change_one_record_the_second_is_told_and_overwrites_nothing(
    node: Node, car: dict[str, Any], clerk: Client,
    make_officer: Callable[..., Person], sign_in: Callable[..., Client],
) -> None:  # fmt: skip
    other = sign_in(make_officer("Nigar", "Əsədova"), ("dyp", "registrar"))
    mine, theirs = (f"{look(one)}{car['id']}/correct/" for one in (clerk, other))
    my_form, their_form = (
        filled(clerk, mine, field__colour="red"), filled(other, theirs, field__colour="blue")
    )  # fmt: skip
    first, second = clerk.post(mine, my_form), other.post(theirs, their_form)
    there = node.call("GET", f"/records/{car['id']}", "keep-vehicles")

    assert (first.status_code, second.status_code) == (302, 409)
    assert "yazını başqası dəyişib" in text(second)
    assert "Rəngi qırmızı" in text(second)  # what stands there now, beside what was typed
    assert (there["version"], there["data"]["colour"]) == (2, "red")


def test_a_form_sent_twice_is_done_once(node: Node, car: dict[str, Any], clerk: Client) -> None:
    address = look(clerk)
    change = f"{address}{car['id']}/correct/"
    changing = filled(clerk, change, field__colour="red")
    entering = filled(clerk, f"{address}new/", field__plate="90-BB-001",
                      field__vin="WBA12345678901299", valid__from="01.03.2026")  # fmt: skip
    answers = [clerk.post(way, form) for way, form in (
        (change, changing), (change, changing), (f"{address}new/", entering),
        (f"{address}new/", entering))]  # fmt: skip
    found = node.call("POST", "/query", "keep-vehicles", by={"fin": OWNER})["records"]

    assert [one.status_code for one in answers] == [302] * 4
    assert answers[2]["Location"] == answers[3]["Location"]
    assert sorted((one["data"]["plate"], one["version"]) for one in found) == [
        ("10-AR-417", 2), ("90-BB-001", 1),
    ]  # fmt: skip


def test_a_number_that_another_record_has_is_refused_in_words(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = f"{look(clerk)}new/"
    answer = clerk.post(address, filled(clerk, address, valid__from="01.03.2026"))

    assert (answer.status_code, "Bu nömrə ilə başqa yazı var" in text(answer)) == (409, True)


def test_an_annulled_record_is_found_when_asked_for_and_offers_no_acts(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = look(clerk)
    annul = f"{address}{car['id']}/annul/"
    done = clerk.post(annul, filled(clerk, annul, valid__from="20.11.2026"))
    usual, all_of_them = clerk.get(address), clerk.get(look(clerk, state="annulled"))
    page = clerk.get(done["Location"]).content.decode()

    assert done.status_code == 302
    assert "Yazı tapılmadı" in text(usual)
    assert "ləğv edilib" in text(all_of_them)
    assert "/correct/" not in page


def test_a_register_that_is_away_loses_nothing_typed(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = f"{look(clerk)}new/"
    form = filled(clerk, address, field__plate="90-BB-001", field__vin="WBA12345678901299",
                  valid__from="01.03.2026")  # fmt: skip
    node.is_away = True
    away = clerk.post(address, form)
    node.is_away = False
    again = clerk.post(address, form)

    assert (away.status_code, again.status_code) == (503, 302)
    assert 'value="90-BB-001"' in away.content.decode()
    assert f'name="once" value="{form["once"]}"' in away.content.decode()


@pytest.mark.parametrize(
    ("post", "statuses"),
    [(("bpqmi", "registrar"), [200, 404, 404, 404]), (("dyp", "officer"), [403] * 4),
     (("dyp", "unit-head"), [403] * 4)],
    ids=["registrar of another body", "officer of the body", "head of the body"],
)  # fmt: skip
def test_only_a_registrar_of_the_owner_comes_in(
    node: Node, car: dict[str, Any], clerk: Client, make_officer: Callable[..., Person],
    sign_in: Callable[..., Client], post: tuple[str, str], statuses: list[int],
) -> None:  # fmt: skip
    theirs = look(clerk)
    other = sign_in(make_officer(), post)
    paths = ("/az/records/", FIND, theirs, f"{theirs}{car['id']}/annul/")

    assert [other.get(path).status_code for path in paths] == statuses
    assert node.asked == []


def test_a_look_up_is_of_one_officer_and_of_one_shift(
    node: Node, car: dict[str, Any], make_officer: Callable[..., Person],
    sign_in: Callable[..., Client], clock: FixedClock,
) -> None:  # fmt: skip
    officer = make_officer("Vüqar", "İsmayılov")
    clerk = sign_in(officer, ("dyp", "registrar"))
    address = look(clerk)
    colleague = sign_in(make_officer("Nigar"), ("dyp", "registrar"))
    token = address.split("/")[3]
    spoilt = address.replace(token, token[:-6] + "AAAAAA")
    taken, bent = colleague.get(address), clerk.get(spoilt)
    clock.advance(timedelta(hours=8, seconds=1))
    later = sign_in(officer).get(address)

    assert [one.status_code for one in (taken, bent, later)] == [404, 404, 403]
    assert "Axtarışın vaxtı bitib" in text(later)
    assert node.asked == []


def test_nobody_keeps_their_own_record(
    node: Node, make_officer: Callable[..., Person], sign_in: Callable[..., Client]
) -> None:
    person = make_officer()
    client = sign_in(person, ("dyp", "registrar"))
    answer = client.post(FIND, {"purpose": "keep-vehicles", "fin": person.fin, "case": "DYP-1/26"})

    assert (answer.status_code, node.asked) == (403, [])


@pytest.mark.parametrize("case", ["", OWNER, "a" * 41, "дело 5", "a\nb"])
def test_a_case_is_a_number_and_no_person(node: Node, clerk: Client, case: str) -> None:
    answer = clerk.post(FIND, {"purpose": "keep-vehicles", "fin": OWNER, "case": case})

    assert (answer.status_code, 'id="f-case-error"' in answer.content.decode()) == (400, True)


def test_someone_elses_record_is_as_if_not_there(
    node: Node, car: dict[str, Any], clerk: Client
) -> None:
    address = look(clerk, fin="5SBNA93")
    listed, one = clerk.get(address), clerk.get(f"{address}{car['id']}/")

    assert ("Yazı tapılmadı" in text(listed), one.status_code) == (True, 404)
    assert json.dumps(CAR["plate"]) not in one.content.decode()


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PDF is really made; the seal, which is the trust centre's, is another's test."""
    monkeypatch.setattr(folder, "_path", lambda digest: tmp_path / digest.hex())
    monkeypatch.setattr(sealing, "_seal_of", lambda body: None)
    monkeypatch.setattr(sealing, "anchors", lambda: ())
    monkeypatch.setattr("pencere.documents.seal.seal_pdf", lambda pdf, *_, **__: pdf)


def test_an_extract_is_one_paper_of_a_version_a_day_and_stands_among_the_persons_documents(
    node: Node, car: dict[str, Any], clerk: Client, applicant: Person, papers: None,
    clock: FixedClock,
) -> None:  # fmt: skip
    address = f"{look(clerk)}{car['id']}/extract/"
    first, second = clerk.post(address), clerk.post(address)
    clock.advance(timedelta(seconds=1))
    node.call("PUT", f"/records/{car['id']}", "keep-vehicles", version=1, op="amend",
              valid_from="2026-11-20", reason="painted", data={**CAR, "colour": "red"})  # fmt: skip
    third = clerk.post(address)

    assert [one.status_code for one in (first, second, third)] == [200, 200, 200]
    assert (first.content[:5], first.content) == (b"%PDF-", second.content)
    assert third.content != first.content
    documents = IssuedDocument.objects.order_by("pk")
    assert [(one.person, one.case, one.kind, one.body) for one in documents] == [
        (applicant, f"DYP-{car['id']}-{version}-261120-AZ", "dyp/vehicle/extract", "dyp")
        for version in (1, 2)
    ]


def test_no_extract_without_an_account_or_for_a_purpose_of_looking(
    node: Node, car: dict[str, Any], clerk: Client, papers: None
) -> None:
    answers = [
        clerk.post(f"{look(clerk, purpose=purpose)}{car['id']}/extract/").status_code
        for purpose in ("keep-vehicles", "check-vehicle")
    ]

    assert (answers, IssuedDocument.objects.count()) == ([409, 403], 0)
