"""The queue, taking and handing over, the page of a case, the unit's figures."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pencere.kernel.clock import FixedClock
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.people.models import Person

SignIn = Callable[..., Client]

HOSTILE = ["\x00", "%", "'; drop table x", "9" * 4000, "<script>", "\u202e", "ı", "../../etc", "-1"]


@pytest.fixture
def officer(make_officer: Any) -> Person:
    found: Person = make_officer()
    return found


@pytest.fixture
def desk(officer: Person, sign_in: SignIn) -> Client:
    return sign_in(officer, ("dyp", "officer"))


def page_of(client: Client, case: Case, language: str = "az") -> str:
    return client.get(f"/{language}/cases/{case.number}/").content.decode()


def test_opening_a_case_asks_no_register_and_taking_it_asks_once_for_many_pages(
    make_case: Any, desk: Client, officer: Person, node: Any, clock: FixedClock
) -> None:
    case = make_case()
    page_of(desk, case)
    before = node.asked_by(officer)

    desk.post(f"/az/cases/{case.number}/take/")
    for _ in range(3):
        page_of(desk, case)
    desk.get(f"/az/cases/{case.number}/decide/?action=refuse")
    soon = node.asked_by(officer)
    clock.advance(timedelta(minutes=21))
    page_of(desk, case)

    assert (before, soon) == ([], ["dyp/disqualification"])
    assert node.asked_by(officer) == ["dyp/disqualification"] * 2
    sent = node.asked[-1][1]
    assert (sent["Pencere-Case"], sent["Pencere-Purpose"]) == (case.number, "fitness")


def test_a_silent_register_is_said_and_nothing_can_be_decided(
    make_case: Any, desk: Client, node: Any
) -> None:
    case = make_case()
    node.silent = {"dyp/disqualification"}
    desk.post(f"/az/cases/{case.number}/take/")

    page = page_of(desk, case)

    assert ("cavab vermir" in page, 'name="action"' in page) == (True, False)
    assert desk.get(f"/az/cases/{case.number}/decide/?action=refuse").status_code == 302


def test_what_registers_say_differently_is_marked(make_case: Any, desk: Client, node: Any) -> None:
    node.says("dyp/driving-licence", number="AB 1", family="Həsənova", given="Aydan",
              categories=["B"], issued="2017-01-12", expires="2027-01-12")  # fmt: skip

    page = page_of(desk, make_case())

    assert '<small>Sürücülük vəsiqəsi:</small> <span class="tag warn">Həsənova</span>' in page
    assert '<small>Şəxsiyyət:</small> <span class="tag good">eyni</span>' in page
    assert '<span class="tag warn">müraciətdə: Quliyeva</span>' in page


def test_a_signature_that_is_none_is_never_called_valid(make_case: Any, desk: Client) -> None:
    page = page_of(desk, make_case(cades=b"not a signature"))

    assert ("imza etibarsız" in page, "imza etibarlı" in page) == (True, False)


def test_what_an_applicant_writes_is_shown_as_words(make_case: Any, desk: Client) -> None:
    page = page_of(desk, make_case(damage="<img src=x onerror=alert(1)> {{ 7*7 }}"))

    assert "&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }}" in page


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_the_page_speaks_each_language(make_case: Any, desk: Client, language: str) -> None:
    said = {"az": "Qanuni müddət", "en": "Legal term", "ru": "Законный срок"}

    assert said[language] in page_of(desk, make_case(), language)


def test_earlier_cases_of_the_applicant_are_listed(
    make_case: Any, desk: Client, clock: FixedClock
) -> None:
    first = make_case()
    clock.advance(timedelta(minutes=5))
    second = make_case()

    assert f"/az/cases/{first.number}/" in page_of(desk, second)
    assert f"/az/cases/{second.number}/" not in page_of(desk, first)


def test_two_officers_asking_for_the_next_case_get_two_the_more_urgent_first(
    make_case: Any, make_officer: Any, sign_in: SignIn, clock: FixedClock
) -> None:
    cases = [make_case(make_officer("A", "B")) for _ in range(2)]
    desks = [sign_in(make_officer(), ("dyp", "officer")) for _ in range(3)]

    went = [client.post("/az/cases/next/")["Location"] for client in desks]

    assert went == [f"/az/cases/{case.number}/" for case in cases] + ["/az/"]


@pytest.mark.django_db(transaction=True)
def test_of_two_officers_taking_at_once_one_has_the_case(
    make_case: Any, make_officer: Any, sign_in: SignIn
) -> None:
    case = make_case()
    desks = [sign_in(make_officer(), ("dyp", "officer")) for _ in range(2)]
    start = threading.Barrier(2)

    def take(client: Client) -> None:
        start.wait()
        client.post(f"/az/cases/{case.number}/take/")
        connections.close_all()

    threads = [threading.Thread(target=take, args=(client,)) for client in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert CaseEvent.objects.filter(case=case, kind="taken").count() == 1


def test_the_second_to_take_a_case_is_told(
    make_case: Any, make_officer: Any, sign_in: SignIn, desk: Client, officer: Person
) -> None:
    case = make_case()
    desk.post(f"/az/cases/{case.number}/take/")
    late = sign_in(make_officer(), ("dyp", "officer"))

    late.post(f"/az/cases/{case.number}/take/")

    case.refresh_from_db()
    assert case.officer_id == officer.pk
    assert "başqa əməkdaşdadır" in page_of(late, case)


def test_a_closed_case_is_taken_and_handed_by_nobody(
    make_case: Any, desk: Client, make_officer: Any, sign_in: SignIn
) -> None:
    case = make_case()
    Case.objects.filter(pk=case.pk).update(closed_at=case.submitted_at)
    head = sign_in(make_officer(), ("dyp", "unit-head"))

    desk.post(f"/az/cases/{case.number}/take/")
    head.post(f"/az/cases/{case.number}/hand-over/")

    assert CaseEvent.objects.filter(case=case, kind__in=["taken", "returned"]).count() == 0


def test_only_its_officer_or_the_head_gives_a_case_away(
    make_case: Any, desk: Client, officer: Person, make_officer: Any, sign_in: SignIn
) -> None:
    case, colleague = make_case(), make_officer("Nigar", "Həsənli")
    other = sign_in(colleague, ("dyp", "officer"))
    head = sign_in(make_officer("Vüqar", "İsmayılov"), ("dyp", "unit-head"))
    desk.post(f"/az/cases/{case.number}/take/")
    address = f"/az/cases/{case.number}/hand-over/"

    refused = [
        other.post(address).status_code,
        desk.post(address, {"to": colleague.pk}).status_code,
    ]
    handed = head.post(address, {"to": colleague.pk}).status_code

    case.refresh_from_db()
    assert (refused, handed, case.officer_id) == ([403, 403], 302, colleague.pk)


@pytest.mark.parametrize("to", ["0", "abc", "\x00", "9" * 400])
def test_a_case_is_handed_to_a_colleague_only(
    make_case: Any, make_officer: Any, sign_in: SignIn, to: str
) -> None:
    case = make_case()
    head = sign_in(make_officer(), ("dyp", "unit-head"))

    assert head.post(f"/az/cases/{case.number}/hand-over/", {"to": to}).status_code == 403


def test_the_applicant_is_no_colleague_in_their_own_case(
    make_case: Any, applicant: Person, make_officer: Any, sign_in: SignIn
) -> None:
    case = make_case()
    sign_in(applicant, ("dyp", "officer"))
    head = sign_in(make_officer(), ("dyp", "unit-head"))

    answer = head.post(f"/az/cases/{case.number}/hand-over/", {"to": applicant.pk})

    assert answer.status_code == 403


def test_a_case_is_found_by_a_part_of_its_number(make_case: Any, desk: Client) -> None:
    case = make_case()

    found = desk.get("/az/", {"number": case.number[-4:]})
    missing = desk.get("/az/", {"number": "777777"}).content.decode()

    assert found["Location"] == f"/az/cases/{case.number}/"
    assert "777777 nömrəli iş tapılmadı" in missing


@pytest.mark.parametrize("value", HOSTILE)
def test_no_question_breaks_a_list(
    make_case: Any, desk: Client, make_officer: Any, sign_in: SignIn, value: str
) -> None:
    make_case()
    auditor = sign_in(make_officer(), ("mdd", "auditor"))

    answers = [
        client.get("/az/" + path, {name: value}).status_code
        for client, path, names in (
            (desk, "", ("number", "show", "page")), (auditor, "audit/", ("number", "page")),
        )
        for name in names
    ]  # fmt: skip

    assert set(answers) <= {200, 302}
    assert desk.get("/az/cases/%00/").status_code == 404


def test_a_longer_queue_and_team_cost_no_more_queries(
    make_case: Any, make_officer: Any, sign_in: SignIn, clock: FixedClock
) -> None:
    head = sign_in(make_officer(), ("dyp", "unit-head"))

    def cost() -> list[int]:
        counted = []
        for path in ("?show=waiting", "?show=team", "team/"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert head.get(f"/az/{path}").status_code == 200
            counted.append(len(queries))
        return counted

    def add() -> None:
        case = make_case(make_officer("A", "B"))
        case.officer = make_officer("Ç", "D")
        case.save(update_fields=["officer"])
        make_case(make_officer("A", "B"))

    add()
    cost()
    few = cost()
    add()
    add()

    assert (cost(), max(few) <= 6) == (few, True)


def test_the_queue_shows_the_clock_and_why_it_stands(
    make_case: Any, desk: Client, clock: FixedClock, officer: Person, sign_in: SignIn
) -> None:
    case = make_case()
    soon = desk.get("/az/?show=waiting").content.decode()
    clock.advance(timedelta(days=5))

    late = sign_in(officer).get("/az/?show=waiting").content.decode()

    assert ('<span class="tag warn">müddət bitir' in soon, case.number in soon) == (True, True)
    assert '<span class="tag bad">müddət keçib' in late


def test_figures_of_officers_are_shown_to_the_head_alone(
    make_case: Any, make_officer: Any, sign_in: SignIn, desk: Client
) -> None:
    case = make_case()
    desk.post(f"/az/cases/{case.number}/take/")
    head = sign_in(make_officer(), ("dyp", "unit-head"))
    elsewhere = sign_in(make_officer(), ("bpqmi", "unit-head"), ("dyp", "officer"))

    seen = [
        "Rəşad Əliyev" in client.get("/az/team/").content.decode()
        for client in (head, desk, elsewhere)
    ]

    assert seen == [True, False, False]


def test_a_decision_on_the_last_day_in_baku_is_in_time_and_after_midnight_is_late(
    make_case: Any, make_officer: Any, desk: Client, clock: FixedClock
) -> None:
    closed = {"in time": datetime(2026, 11, 23, 19, 59, tzinfo=UTC),
              "late": datetime(2026, 11, 23, 20, 1, tzinfo=UTC)}  # fmt: skip
    for at in closed.values():
        case = make_case(make_officer("A", "B"))
        Case.objects.filter(pk=case.pk).update(closed_at=at, outcome="granted")

    assert "50%" in desk.get("/az/team/").content.decode()


def test_the_auditor_sees_who_did_what_and_nothing_of_the_applicant(
    make_case: Any, desk: Client, make_officer: Any, sign_in: SignIn
) -> None:
    case = make_case(damage="Gizli sözlər")
    desk.post(f"/az/cases/{case.number}/take/")
    page_of(desk, case)
    auditor = sign_in(make_officer("Səbinə", "Rzayeva"), ("mdd", "auditor"))

    page = auditor.get("/az/audit/", {"number": case.number}).content.decode()

    assert [word in page for word in ("Rəşad Əliyev", "Əməkdaş işi götürüb", case.number)] == [
        True, True, True,
    ]  # fmt: skip
    assert [word in page for word in ("Gizli", "Quliyeva", "6AYDN47")] == [False, False, False]


def test_the_author_sees_each_definition_and_that_it_is_clean(
    make_officer: Any, sign_in: SignIn
) -> None:
    page = sign_in(make_officer(), ("idda", "catalogue-editor")).get("/az/services/")

    assert [
        word in page.content.decode()
        for word in ("driving-licence-replace", "residence-certificate", "səhv yoxdur")
    ] == [True, True, True]


def test_each_role_has_its_own_links_in_the_masthead(make_officer: Any, sign_in: SignIn) -> None:
    def links(role: str, path: str) -> list[str]:
        page = sign_in(make_officer(), ("dyp", role)).get(path).content.decode()
        head = page.partition("<main")[0]
        return [one for one in ("Növbə", "Şöbənin işi", "Audit", "Xidmətlərin təsviri")
                if f">{one}<" in head]  # fmt: skip

    assert links("officer", "/az/") == ["Növbə", "Şöbənin işi"]
    assert links("auditor", "/az/audit/") == ["Audit"]
    assert links("catalogue-editor", "/az/services/") == ["Xidmətlərin təsviri"]
