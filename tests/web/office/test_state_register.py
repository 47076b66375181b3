"""The register's pages at the desk: a system from its proposal to its signed agreement."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.web.stateregister.conftest import (
    OFFICES,
    Pens,
    approve_all,
    clock,
    founded,
    officers,
    pens,
    people,
    propose,
    to_sign,
)

from pencere.kernel.clock import FixedClock
from pencere.web.cases.domain.signing import Asked
from pencere.web.office.state_register import accord_signing as accord_pages
from pencere.web.people.models import Person
from pencere.web.stateregister.models import Accord, Agreement, Application, Node, System

__all__ = [
    "approve_all",
    "clock",
    "founded",
    "officers",
    "pens",
    "people",
    "propose",
    "to_sign",
]  # fmt: skip
pytestmark = pytest.mark.django_db
BASE = "/az/register/"


@pytest.fixture
def browsers(
    founded: None, people: dict[str, Person], sign_in: Callable[..., Client]
) -> dict[str, Client]:
    """A signed-in browser for each office."""
    return {
        name: sign_in(person, (OFFICES[name][1], OFFICES[name][0]))
        for name, person in people.items()
    }


class TestPen:
    """Signs at once for whoever is asked, with the authority of the test."""

    __test__ = False
    name = "phone"

    def __init__(self, pens: Pens, people: dict[str, Person]) -> None:
        self._pens, self._people = pens, {one.fin: one for one in people.values()}
        self.is_answered = True

    def ask(self, *, document: bytes, fin: str, phone: Any, text: str, language: str) -> Asked:
        del document, phone, text, language
        return Asked("1234", {"session": {"id": "1", "fin": fin}})

    def poll(self, *, document: bytes, state: dict[str, Any]) -> bytes | None:
        if not self.is_answered:
            return None
        return self._pens.sign(self._people[state["session"]["fin"]], document)


@pytest.fixture
def pen(
    pens: Pens, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestPen]:
    made = TestPen(pens, people)
    monkeypatch.setattr(accord_pages, "pen", lambda: made)
    monkeypatch.setattr(accord_pages, "verifier", lambda: pens.verifier)
    return made


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None, page
    return found[1]


def page_of(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.content.decode()[-1500:])
    return answer.content.decode()


def test_a_body_writes_a_system_section_by_section_and_it_is_approved(
    browsers: dict[str, Client],
) -> None:
    browser = browsers["proposer"]
    begun = browser.post(f"{BASE}applications/", {"kind": "establish", "owner": "dma",
                         "code": "training"})  # fmt: skip
    here = begun["Location"]
    sections = {
        "general": {"kind": "system", "names_az": "Peşə hazırlığı", "purpose_az": "Kurslar",
                    "operator": "dma"},
        "law": {"act": ["mesgulluq-haqqinda", ""], "article": ["5", ""]},
        "data": {"object": ["Kurs", "Dinləyici", ""], "name": ["Başlıq", "Soyad", ""],
                 "concept": ["", "family-name", ""]},
        "persons": {"who": ["citizens"], "count": "1 200", "personal_classes": ["ordinary"]},
        "exchange": {"own": "1", "sources": ["bpqmi/population"], "users": ["asan"]},
        "protection": {"security_class": "2", "data_centre": "gov-cloud-main", "unit": "İT"},
        "documents": {"document_kind": "impact-assessment",
                      "file": SimpleUploadedFile("təsir.pdf", b"%PDF-1.7 x")},
        "services": {"service_code": "course", "service_name": "Kurslar", "demands": ["user"],
                     "openapi": SimpleUploadedFile(
                         "api.yaml",
                         b"openapi: 3.1.0\npaths:\n  /courses/{id}:\n    get: {}\n")},
    }  # fmt: skip
    for code, sent in sections.items():
        page = page_of(browser, f"{here}sections/{code}/")
        answer = browser.post(f"{here}sections/{code}/", {**sent, "version": version_of(page)})
        assert answer.status_code == 302, answer.content.decode()

    page = page_of(browser, here)
    assert "Əhali reyestri" in page  # who holds the family name
    assert "disabled" in page
    key = "family-name@bpqmi/population"
    browser.post(f"{here}once/", {"version": version_of(page), f"decision:{key}": "use"})
    page = page_of(browser, here)
    sent_answer = browser.post(
        f"{here}send/", {"version": version_of(page), "why": "Kurslar üçün lazımdır"}, follow=True
    )
    row = Application.objects.get()
    assert (row.state, row.content["services"][0]["endpoints"]) == (
        "submitted", [["GET", "/courses/*"]],
    ), sent_answer.content.decode()  # fmt: skip

    for name in ("approver", "security", "privacy"):
        page = page_of(browsers[name], here)
        browsers[name].post(
            f"{here}decide/",
            {"version": version_of(page), "role": OFFICES[name][0], "decision": "approve"},
        )
    row.refresh_from_db()
    (drafted,) = Accord.objects.all()
    assert (row.state, drafted.terms["fields"]) == ("approved", ["family"])
    page = page_of(browser, f"{BASE}systems/dma/training/")
    assert "Peşə hazırlığı" in page
    assert drafted.number in page_of(browser, BASE)


def test_an_agreement_goes_from_the_draft_through_both_signatures(
    browsers: dict[str, Client], pen: TestPen
) -> None:
    asking, asked = browsers["proposer"], browsers["holder"]
    begun = asking.post(f"{BASE}accords/", {"consumer": "dma/employment",
                        "service": "bpqmi/population/person"})  # fmt: skip
    edit = begun["Location"]
    here = edit.removesuffix("edit/")
    page = page_of(asking, edit)
    asking.post(edit, {
        "version": version_of(page), "purposes": ["job-matching"],
        "legal_bases": ["mesgulluq-haqqinda"], "fields": ["family"], "persons": "900",
        "endpoints": ["POST /query"], "per_second": "5", "count": "1000", "per": "day",
        "demands": ["case"], "from": "23.11.2026", "until": "31.12.2027",
        "suppress_bases": ["mesgulluq-haqqinda"], "suppress_days": "30", "represents": ["dyp"],
    })  # fmt: skip
    saved = Accord.objects.get().terms
    hidden = {"bases": ["mesgulluq-haqqinda"], "days": 30}
    assert (saved["suppress"], saved["represents"]) == (hidden, ["GOV/dyp"])
    for browser, step in ((asking, "offer"), (asked, "accept"), (browsers["approver"], "clear")):
        page = page_of(browser, here)
        browser.post(f"{here}step/", {"version": version_of(page), "step": step})
    row = Accord.objects.get()
    assert row.state == "signing"

    pen.is_answered = False
    signatory = browsers["signatory"]
    waiting = signatory.post(f"{here}sign/")["Location"]
    assert waiting == f"{here}wait/"
    assert "1234" in page_of(signatory, waiting)
    assert signatory.get(f"{here}state/").json() == {"address": None}
    pen.is_answered = True
    assert signatory.get(f"{here}state/").json() == {"address": here}
    assert Agreement.objects.filter(id=row.agreement_id).count() == 0

    other = browsers["holder_signatory"]
    other.post(f"{here}sign/")
    assert other.get(f"{here}wait/")["Location"] == here
    row.refresh_from_db()
    assert row.state == "in-force"
    page = page_of(other, here)
    assert page.count("imza yoxlanıldı, düzgündür") == 2
    files = [other.get(f"{here}file.{kind}") for kind in ("pdf", "asics")]
    assert [one.content[:4] for one in files] == [b"%PDF", b"PK\x03\x04"]
    agreement = page_of(other, f"{BASE}agreements/{row.agreement_id}/")
    assert "POST /query" in agreement
    assert "30 günədək" in agreement
    other.post(f"{BASE}agreements/{row.agreement_id}/step/",
               {"step": "suspend", "reason": "Yoxlama aparılır"})  # fmt: skip
    assert Agreement.objects.get(id=row.agreement_id).force == "suspended"


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_every_page_opens_in_every_language(
    browsers: dict[str, Client], propose: Any, to_sign: Any, language: str
) -> None:
    row, accord = propose(), to_sign()
    base = f"/{language}/register/"
    paths = ["", "systems/", "systems/?text=ehali&stage=in-use", "systems/bpqmi/population/",
             "systems/bpqmi/population/?version=1", f"applications/{row.number}/",
             f"accords/{accord.number}/", "agreements/portal-person-own/", "nodes/"]  # fmt: skip

    for path in paths:
        page_of(browsers["supervisor"], base + path)
    page_of(browsers["proposer"], f"{base}applications/")
    page_of(browsers["proposer"], f"{base}accords/")
    page_of(browsers["approver"], f"{base}applications/{row.number}/")


@pytest.mark.parametrize("role", ["officer", "unit-head", "catalogue-editor", "ra-officer"])
def test_who_has_no_office_in_the_register_gets_nothing(
    founded: None, make_person: Callable[..., Person], sign_in: Callable[..., Client], role: str
) -> None:
    browser = sign_in(make_person(), ("dyp", role))

    answers = [browser.get(f"{BASE}{path}").status_code for path in
               ("", "systems/", "systems/bpqmi/population/", "applications/", "accords/",
                "agreements/portal-person-own/", "nodes/")]  # fmt: skip

    assert answers == [403] * 7


def test_another_body_s_draft_is_not_there(browsers: dict[str, Client], propose: Any) -> None:
    row = propose(send=False)

    assert browsers["stranger"].get(f"{BASE}applications/{row.number}/").status_code == 404
    assert browsers["proposer"].get(f"{BASE}applications/{row.number}/").status_code == 200


def test_a_form_made_from_an_older_version_is_told_so_and_keeps_what_was_typed(
    browsers: dict[str, Client], propose: Any
) -> None:
    row = propose(send=False)
    section = f"{BASE}applications/{row.number}/sections/general/"
    sent = {"version": row.version - 1, "names_az": "Başqa ad", "operator": "dma"}

    answer = browsers["proposer"].post(section, sent)

    assert answer.status_code == 409
    assert "Başqa ad" in answer.content.decode()
    row.refresh_from_db()
    assert row.content["names"]["az"] == "Peşə hazırlığı sistemi"


@pytest.mark.parametrize(
    ("code", "name", "content"),
    [
        ("documents", "file", b"MZ\x90\x00\x03\x00"),
        ("documents", "file", b""),
        ("services", "openapi", b"swagger: '2.0'\npaths: {}\n"),
        ("services", "openapi", b"{" * 2000),
        ("services", "openapi", b"\xff\xfe\x00"),
        ("services", "openapi", b"openapi: 3.1.0\npaths: &a {/x: {get: {}}}\nb: *a\n"),
    ],
)
def test_a_file_that_is_none_of_the_accepted_is_refused(
    browsers: dict[str, Client], propose: Any, code: str, name: str, content: bytes
) -> None:
    row = propose(send=False)
    section = f"{BASE}applications/{row.number}/sections/{code}/"
    given = SimpleUploadedFile("file.bin", content)

    answer = browsers["proposer"].post(
        section, {"version": row.version, name: given, "service_code": "x-service"}
    )

    row.refresh_from_db()
    assert (answer.status_code, row.content[code]) == (409, [])


def test_a_node_is_suspended_by_the_operator_alone(
    browsers: dict[str, Client], clock: FixedClock
) -> None:
    node = Node.objects.create(identifier="AZ/GOV/x/node", address="127.0.0.1:1")
    path, said = f"{BASE}nodes/{node.pk}/step/", {"step": "suspend", "reason": "Açar oğurlanıb"}

    refused = [browsers[one].post(path, said).status_code for one in ("supervisor", "proposer")]
    browsers["approver"].post(path, {**said, "reason": ""})
    node.refresh_from_db()
    without_reason = node.is_suspended
    browsers["approver"].post(path, said)
    node.refresh_from_db()

    assert (refused, without_reason, node.is_suspended) == ([403, 403], False, True)


def test_a_system_that_is_done_with_its_check_gets_the_next_date(
    browsers: dict[str, Client], people: dict[str, Person]
) -> None:
    system = System.objects.get(code="employment")
    duty = system.duties_of_check.get(kind="security-audit")
    path = f"{BASE}duties/{duty.pk}/done/"

    browsers["stranger"].post(path, {"result": "Uyğundur, qeyd yoxdur"})
    duty.refresh_from_db()
    before = duty.done_on
    for _ in range(2):
        browsers["proposer"].post(path, {"result": "Uyğundur, qeyd yoxdur"})

    dates = [one.due.isoformat() for one in
             system.duties_of_check.filter(kind="security-audit").order_by("due")]  # fmt: skip
    assert (before, len(dates)) == (None, 2)


LIMITS = {
    "purposes": ["job-matching"], "legal_bases": ["mesgulluq-haqqinda"], "fields": ["family"],
    "endpoints": ["POST /query"], "demands": ["case"], "per": "day",
    "persons": "900", "per_second": "5", "count": "1000", "suppress_days": "",
    "from": "23.11.2026", "until": "31.12.2027",
}  # fmt: skip


@pytest.fixture
def drafted(browsers: dict[str, Client]) -> str:
    """The address of the form of a draft, with limits in it."""
    begun = browsers["proposer"].post(f"{BASE}accords/", {"consumer": "dma/employment",
                                      "service": "bpqmi/population/person"})  # fmt: skip
    edit: str = begun["Location"]
    version = version_of(page_of(browsers["proposer"], edit))
    browsers["proposer"].post(edit, {**LIMITS, "version": version})
    return edit


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("per_second", "abc"), ("per_second", "10.5"), ("per_second", "0"), ("per_second", "-5"),
        ("count", "on min"), ("count", "1e6"), ("count", "9" * 12), ("persons", "\u0661\u0662"),
        ("from", "31.02.2027"), ("until", "sabah"), ("suppress_days", "30"),
    ],
)  # fmt: skip
def test_what_is_mistyped_is_named_at_its_field_and_changes_no_limit(
    browsers: dict[str, Client], drafted: str, name: str, typed: str
) -> None:
    before = Accord.objects.get().terms
    version = version_of(page_of(browsers["proposer"], drafted))

    answer = browsers["proposer"].post(drafted, {**LIMITS, name: typed, "version": version})

    page, shown = answer.content.decode(), typed[:20]
    place = "suppress_bases" if name == "suppress_days" else name
    assert answer.status_code == 409
    assert f'href="#f-{place}"' in page
    assert f'value="{shown}"' in page
    assert Accord.objects.get().terms == before


def test_an_empty_limit_is_no_limit_and_what_was_agreed_at_once_stays(
    browsers: dict[str, Client], drafted: str
) -> None:
    row = Accord.objects.get()
    row.terms["rate"]["burst"] = 7
    row.save()

    def send(**change: str) -> dict[str, Any]:
        version = version_of(page_of(browsers["proposer"], drafted))
        browsers["proposer"].post(drafted, {**LIMITS, **change, "version": version})
        terms: dict[str, Any] = Accord.objects.get().terms
        return terms

    assert send()["rate"] == {"per_second": 5, "burst": 7}
    assert send(per_second="1 200")["rate"] == {"per_second": 1200, "burst": 2400}
    found = send(per_second="", count="")
    assert (found["rate"], found["quota"]) == (None, None)


def test_events_are_offered_like_services_and_their_form_asks_for_no_rate(
    browsers: dict[str, Client],
) -> None:
    browser = browsers["proposer"]
    offered = page_of(browser, f"{BASE}accords/")
    assert "Əhali reyestrinin hadisələri" in offered
    assert "Şəxsin məlumatına kim baxıb" in offered
    begun = browser.post(f"{BASE}accords/", {"consumer": "dma/employment",
                         "service": "bpqmi/population/events"})  # fmt: skip
    page = page_of(browser, begun["Location"])
    assert (">ölüm<" in page, 'value="POST /person-died"' in page) == (True, True)
    assert 'name="per_second"' not in page

    browser.post(begun["Location"], {
        "version": version_of(page), "purposes": ["job-matching"], "fields": ["died"],
        "legal_bases": ["mesgulluq-haqqinda"], "endpoints": ["POST /person-died"],
        "persons": "900", "from": "23.11.2026", "until": "31.12.2027",
    })  # fmt: skip
    row = Accord.objects.get()
    shown = page_of(browser, begun["Location"].removesuffix("edit/"))

    assert (row.consumer.key, row.provider.key) == ("bpqmi/population", "dma/employment")
    assert (row.terms["endpoints"], row.terms["rate"]) == ([["POST", "/person-died"]], None)
    assert 'value="offer"' in shown
    assert 'value="accept"' not in page_of(browsers["holder"], BASE)


def test_the_number_of_persons_that_is_no_number_is_refused(browsers: dict[str, Client]) -> None:
    browser = browsers["proposer"]
    here = browser.post(f"{BASE}applications/", {"kind": "establish", "owner": "dma",
                        "code": "training"})["Location"]  # fmt: skip
    section = f"{here}sections/persons/"

    answer = browser.post(section, {"who": ["citizens"], "count": "min nəfər",
                          "version": version_of(page_of(browser, section))})  # fmt: skip

    assert answer.status_code == 409
    assert "Ədədi rəqəmlə yazın" in answer.content.decode()
    assert Application.objects.get().content["persons"]["count"] == 0


@pytest.mark.parametrize(
    ("code", "typed", "kept"),
    [
        ("events", "EVENT /course-begun\nevent /course-ended",
         [["EVENT", "/course-begun"], ["EVENT", "/course-ended"]]),
        ("events", "POST /query", None),
        ("events", "EVENT /course-begun\nGET /x", None),
        ("events", "EVENT /Course Begun", None),
        ("course", "EVENT /course-begun", None),
    ],
)  # fmt: skip
def test_what_a_system_publishes_is_written_like_a_service(
    browsers: dict[str, Client], code: str, typed: str, kept: list[list[str]] | None
) -> None:
    browser = browsers["proposer"]
    here = browser.post(f"{BASE}applications/", {"kind": "establish", "owner": "dma",
                        "code": "training"})["Location"]  # fmt: skip
    section = f"{here}sections/services/"

    answer = browser.post(section, {"service_code": code, "service_name": "Kurslar",
                          "endpoints": typed,
                          "version": version_of(page_of(browser, section))})  # fmt: skip

    services = Application.objects.get().content["services"]
    assert answer.status_code == (302 if kept else 409)
    assert [one["endpoints"] for one in services] == ([kept] if kept else [])
    assert kept or "“events” kodlu" in answer.content.decode()


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        (b'{"course-begun": {"type": "object", "required": ["course"]}}', True),
        (b'{"another": {"type": "object"}}', False),
        (b'{"course-begun": {"type": "thing"}}', False),
        (b'{"course-begun": 1}', False),
        (b'{"course-begun": {"pattern": "(a+)+$"}}', False),
        (b'{"course-begun": {"$ref": "http://127.0.0.1/x"}}', False),
        (b"[1]", False),
        (b"\xff\xfe", False),
        (b"[" * 100_000, False),
        (b'{"course-begun": {"title": "' + b"a" * 70_000 + b'"}}', False),
    ],
    ids=[
        "good",
        "other type",
        "bad schema",
        "no schema",
        "pattern",
        "address",
        "list",
        "no text",
        "deep",
        "large",
    ],
)
def test_a_type_of_events_may_say_what_it_looks_like(
    browsers: dict[str, Client], file: bytes, kept: bool
) -> None:
    browser = browsers["proposer"]
    here = browser.post(f"{BASE}applications/", {"kind": "establish", "owner": "dma",
                        "code": "training"})["Location"]  # fmt: skip
    section = f"{here}sections/services/"

    answer = browser.post(section, {
        "service_code": "events", "service_name": "Kurslar", "endpoints": "EVENT /course-begun",
        "openapi": SimpleUploadedFile("types.json", file),
        "version": version_of(page_of(browser, section)),
    })  # fmt: skip

    services = Application.objects.get().content["services"]
    assert answer.status_code == (302 if kept else 409)
    assert [one["schemas"] for one in services] == ([json.loads(file)] if kept else [])
