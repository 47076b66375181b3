"""Who gets through which door of the desk, and who does not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from pencere.web.cases.models import Attachment, Case, CaseEvent
from pencere.web.people.models import Person

SignIn = Callable[..., Client]
MakeCase = Callable[..., Case]
MakeOfficer = Callable[..., Person]

GETS = ("", "decide/?action=grant")
POSTS = ("take/", "hand-over/", "decide/", "proposal/")


def every_door(client: Client, case: Case) -> set[int]:
    """Try everything that can be done with a case; return the answers."""
    base = f"/az/cases/{case.number}/"
    photo = Attachment.objects.get(case=case)
    answers = [client.get(base + path).status_code for path in (*GETS, f"files/{photo.pk}")]
    sent = {"action": "grant", "version": case.version, "answer": "confirm", "to": "1"}
    return {*answers, *(client.post(base + path, sent).status_code for path in POSTS)}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (("bpqmi", "officer"), {404}),
        (("bpqmi", "unit-head"), {404}),
        (("dyp", "auditor"), {403}),
        (("dyp", "catalogue-editor"), {403}),
        (("dyp", "no-such-role"), {403}),
    ],
    ids=["officer of another body", "head of another body", "auditor", "editor", "unknown role"],
)
def test_nobody_else_gets_a_case_or_a_file_of_it(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn, held: Any, expected: Any
) -> None:
    case = make_case()
    events = CaseEvent.objects.count()

    answers = every_door(sign_in(make_officer(), held), case)

    case.refresh_from_db()
    assert answers == expected
    assert (case.officer_id, case.state, CaseEvent.objects.count()) == (None, "review", events)


def test_an_auditor_of_the_body_who_works_at_another_gets_no_case_of_it(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn
) -> None:
    case = make_case()
    client = sign_in(make_officer(), ("dyp", "auditor"), ("bpqmi", "officer"))

    answers = every_door(client, case)

    listed = client.get("/az/?show=team").content.decode()
    assert (answers, case.number in listed) == ({404}, False)


def test_a_citizen_gets_nothing_of_the_desk(
    make_case: MakeCase, applicant: Person, sign_in: SignIn
) -> None:
    case = make_case()
    client = sign_in(applicant)

    pages = [client.get(f"/az/{path}").status_code for path in ("", "team/", "audit/", "services/")]

    assert (every_door(client, case), pages) == ({403}, [403, 403, 403, 403])


def test_who_has_not_signed_in_is_asked_to(make_case: MakeCase) -> None:
    case = make_case()

    assert every_door(Client(), case) == {302}


def test_ones_own_application_stays_shut_for_an_officer(
    make_case: MakeCase, applicant: Person, sign_in: SignIn, node: Any
) -> None:
    node.says("dyp/disqualification", decision="X", **{"from": "2026-01-01", "until": "2027-01-01"})
    case = make_case()
    client = sign_in(applicant, ("dyp", "officer"), ("dyp", "unit-head"))
    asked = len(node.asked)

    answers = every_door(client, case)
    client.post("/az/cases/next/")

    case.refresh_from_db()
    assert (answers, case.officer_id, len(node.asked)) == ({403}, None, asked)


def test_ones_own_application_is_listed_without_a_link(
    make_case: MakeCase, applicant: Person, sign_in: SignIn
) -> None:
    case = make_case()
    client = sign_in(applicant, ("dyp", "officer"))

    team = client.get("/az/?show=team").content.decode()
    waiting = client.get("/az/?show=waiting").content.decode()

    assert (case.number in team, f"cases/{case.number}" in team) == (True, False)
    assert case.number not in waiting


def test_an_expert_reads_and_does_not_take(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn, node: Any
) -> None:
    case = make_case()
    expert = make_officer()
    client = sign_in(expert, ("dyp", "expert"))

    read = client.get(f"/az/cases/{case.number}/")
    taken = client.post(f"/az/cases/{case.number}/take/")

    assert (read.status_code, taken.status_code) == (200, 403)
    assert ("take/" in read.content.decode(), node.asked_by(expert)) == (False, [])


@pytest.mark.parametrize(
    ("role", "opens"),
    [("officer", {"", "team/"}), ("unit-head", {"", "team/"}), ("expert", {"", "team/"}),
     ("auditor", {"audit/"}), ("catalogue-editor", {"services/"})],
)  # fmt: skip
def test_each_role_has_its_own_pages(
    make_officer: MakeOfficer, sign_in: SignIn, role: str, opens: set[str]
) -> None:
    client = sign_in(make_officer(), ("dyp", role))

    pages = ("", "team/", "audit/", "services/")
    opened = {path for path in pages if client.get(f"/az/{path}").status_code == 200}

    assert opened == opens


@pytest.mark.parametrize(("role", "to"), [("auditor", "audit"), ("catalogue-editor", "services")])
def test_who_has_no_cases_comes_to_their_own_page(
    make_officer: MakeOfficer, sign_in: SignIn, role: str, to: str
) -> None:
    answer = sign_in(make_officer(), ("mdd", role)).get("/az/")

    assert answer["Location"] == f"/az/{to}/"


def test_a_form_of_another_site_does_nothing(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn
) -> None:
    case = make_case()
    client = sign_in(make_officer(), ("dyp", "officer"), enforce_csrf=True)

    answer = client.post(f"/az/cases/{case.number}/take/")

    case.refresh_from_db()
    assert (answer.status_code, case.officer_id) == (403, None)


@pytest.mark.parametrize("path", ["take/", "hand-over/", "proposal/"])
def test_nothing_is_done_by_following_a_link(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn, path: str
) -> None:
    case = make_case()
    client = sign_in(make_officer(), ("dyp", "officer"))

    assert client.get(f"/az/cases/{case.number}/{path}").status_code == 405


def test_a_file_of_another_case_is_not_given_through_ones_own(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn
) -> None:
    ours, theirs = make_case(), make_case(make_officer("Orxan", "Həsənov"))
    photo = Attachment.objects.get(case=theirs)
    client = sign_in(make_officer(), ("dyp", "officer"))

    answers = [
        client.get(f"/az/cases/{case.number}/files/{photo.pk}").status_code
        for case in (ours, theirs)
    ]

    assert answers == [404, 200]


def test_a_photograph_is_shown_and_kept_by_no_cache(
    make_case: MakeCase, make_officer: MakeOfficer, sign_in: SignIn
) -> None:
    case = make_case()
    photo = Attachment.objects.get(case=case)
    client = sign_in(make_officer(), ("dyp", "officer"))

    answer = client.get(f"/az/cases/{case.number}/files/{photo.pk}")

    assert answer.content[:2] == b"\xff\xd8"
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/jpeg", "private, no-store")
    assert answer["Content-Disposition"].startswith("inline")
    assert answer["X-Content-Type-Options"] == "nosniff"
