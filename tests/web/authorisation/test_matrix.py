"""Every address by every role and by strangers; nobody reaches what is another's.

Addresses come from the URL configuration. A new one fails here until rules.yaml says who may call
it, and, when it names somebody's object, until this test has one of that kind that is another's.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.test import Client
from tests.web.authorisation.addresses import ROLES, Address, addresses

from pencere.web.appointments.domain import booking
from pencere.web.appointments.models import Slot
from pencere.web.cases.domain import drafts
from pencere.web.cases.models import Attachment, Batch, Case, VersionMove
from pencere.web.issued.models import IssuedDocument
from pencere.web.notifications.models import Message
from pencere.web.payments.models import Charge, Refund
from pencere.web.people.models import Person

RULES: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("rules.yaml").read_text("utf-8")
)
# What people and bodies have of their own. A parameter of another name is no object of anybody.
OWNED = {
    "draft_id", "attachment_id", "number", "code", "message_id", "charge_id", "move_id",
    "batch_id", "refund_id", "booking_id", "token", "proposal_id",
}  # fmt: skip
# These names are common to all: a service, a register, an agreement, a row of one's own draft ...
COMMON = {
    "service", "question_id", "agreement", "subsystem", "name", "older", "newer", "body", "system",
    "concept", "event", "list", "version", "form", "scope", "place", "file", "kind", "language",
    "day", "difference_id", "slot_id",
    # A look-up is sealed for its officer, and a record is the register's: tests/web/office/records.
    "look", "record", "act",
}  # fmt: skip
# Applications, duties and nodes of the state register and acts of registration are called as others
# by tests/web/office/test_state_register.py and tests/web/office/registration; whose an access is,
# the other body's node judges: tests/gateway/test_link.py.
OTHER_TESTS = (
    "register_", "registration_", "node_", "directory_", "office_registry_graph", "access_proof",
)  # fmt: skip
TO_SIGN_IN = {302, 303, 401}
UNKNOWN = "00000000-0000-4000-8000-00000000000f"


def offices() -> list[str]:
    """Every role that a rule of the desk names."""
    named = {word.split(" of ")[0] for rule in RULES["office"] for word in rule.split(" or ")}
    return [*sorted(named - {"public", "signed in", "this machine", "officer"}), "officer"]


@pytest.mark.parametrize("role", ROLES)
def test_who_may_call_an_address_was_decided(role: str) -> None:
    said = {name: rule for rule, names in RULES[role].items() for name in names}
    found = {one.name: one.rule for one in addresses(role)}

    assert found == said


def values_for(address: Address, known: dict[str, str]) -> dict[str, str]:
    """Values that fit the pattern: of an object that is there, else made up."""
    return {name: known.get(name, made_up(address, name)) for name in address.parameters}


def made_up(address: Address, name: str) -> str:
    kind = next(
        (part for part in ("uuid", "int", "case_number") if f"<{part}:{name}>" in address.pattern),
        "",
    )
    made = {"uuid": UNKNOWN, "int": "1", "case_number": "DYP-2026-999999", "": "NONE"}
    return {"sha256": "0" * 64, "kind": "pdf"}.get(name, made[kind])


def calls(client: Client, path: str) -> Iterator[tuple[str, int]]:
    for method in ("get", "post"):
        yield method, getattr(client, method)(path).status_code


@pytest.mark.parametrize("role", ROLES)
def test_a_stranger_is_sent_to_sign_in_and_no_further(
    role: str, serve: Callable[[str], None], db: None, clock: Any
) -> None:
    serve(role)
    wrong = []
    for address in addresses(role):
        if address.rule in {"public", "this machine"}:
            continue
        path = address.with_values(values_for(address, {}))
        wrong += [
            (address.name, method, status)
            for method, status in calls(Client(), path)
            if status not in TO_SIGN_IN
        ]

    assert wrong == []


def test_figures_are_told_to_this_machine_only(
    serve: Callable[[str], None], db: None, clock: Any
) -> None:
    for role in ROLES:
        serve(role)
        local = [one for one in addresses(role) if one.rule == "this machine"]
        assert [one.name for one in local] == ["metrics"]
        found = [Client(REMOTE_ADDR="10.0.0.7").get(one.pattern).status_code for one in local]
        proxied = [Client().get(one.pattern, headers={"X-Real-IP": "1.1.1.1"}) for one in local]
        assert (found, [one.status_code for one in proxied]) == ([403], [403])


@pytest.mark.parametrize("office", ["", *offices()])
def test_who_does_not_hold_the_role_is_refused_at_the_desk(
    office: str,
    serve: Callable[[str], None],
    make_officer: Callable[..., Person],
    sign_in: Callable[..., Client],
) -> None:
    serve("office")
    visitor = sign_in(make_officer(), *([("dyp", office)] if office else []))
    wrong = []
    for address in addresses("office"):
        named = {word.split(" of ")[0] for word in address.rule.split(" or ")}
        is_let_in = office in named or (bool(office) and "officer" in named)
        if is_let_in or address.rule in {"public", "signed in", "this machine"}:
            continue
        path = address.with_values(values_for(address, {}))
        wrong += [(address.name, *one) for one in calls(visitor, path) if one[1] != 403]

    assert wrong == []


@pytest.fixture
def known(
    make_case: Callable[..., Case], applicant: Person, make_officer: Callable[..., Person],
    clock: Any,
) -> dict[str, str]:  # fmt: skip
    """Something of each kind that belongs to the applicant, or to the body the case is with."""
    case, at = make_case(), clock.now()
    draft = drafts.start_draft(person=applicant, service="residence-certificate", at=at)
    message = Message.objects.create(
        person=applicant, key="k", kind="case", title={}, text={}, sent_at=at
    )
    document = IssuedDocument.objects.create(
        code="ABCDEFGHJKMNPQRSTVWX", key="d", person=applicant, kind="decision",
        service=case.service,
        name={"az": "a", "en": "a", "ru": "a"}, case=case.number, body="dyp", language="az",
        sha256=b"1" * 32, size_bytes=1, issued_at=at, status_at=at, leaf_hash=b"2" * 32,
    )  # fmt: skip
    move = VersionMove.objects.create(
        service=case.service, older=1, newer=2, newer_sha256="0" * 64, reason="r",
        prepared_by=make_officer("Nigar"), prepared_at=at,
    )  # fmt: skip
    batch = Batch.objects.create(
        id=uuid4(), officer=move.prepared_by, at=at, service=case.service, state=case.state,
        action="grant", reasons=[], comment_sealed=b"", chosen=[[case.number, case.version]],
    )  # fmt: skip
    charge = Charge.objects.filter(payer=applicant)[0]
    refund = Refund.objects.create(
        charge=charge, key="r", reason="officer", amount=1, progress="refused", requested_at=at
    )
    slot = Slot.objects.create(
        body="dyp", place="baku-licences", service="licence-office", capacity=1,
        starts_at=at + timedelta(days=1), ends_at=at + timedelta(days=2),
    )  # fmt: skip
    booked = booking.book(
        slot_id=slot.pk, person=applicant, subject=booking.Subject("case", case.number), at=at
    )
    return {
        "booking_id": str(booked.pk),
        "refund_id": str(refund.pk),
        "batch_id": str(batch.pk),
        "draft_id": str(draft.id),
        "attachment_id": str(Attachment.objects.filter(case=case)[0].pk),
        "number": case.number,
        "code": document.code,
        "message_id": str(message.id),
        "charge_id": str(charge.pk),
        "move_id": str(move.pk),
        "token": "t" * 43,  # a form that was kept, known by its secret alone
        "service": case.service,
        "question_id": "reason",
        "agreement": "portal-person-own",
        "subsystem": "population",
        "name": "person",
    }


def owned(role: str) -> list[Address]:
    """Addresses that name an object of somebody, for which this test answers."""
    return [
        one
        for one in addresses(role)
        if one.rule not in {"public", "this machine"}
        and not one.name.startswith(OTHER_TESTS)
        and set(one.parameters) & OWNED
    ]


@pytest.mark.parametrize("role", ROLES)
def test_every_parameter_is_of_a_kind_that_these_tests_know(role: str) -> None:
    unknown = {
        (one.name, parameter)
        for one in addresses(role)
        for parameter in one.parameters
        if one.rule not in {"public", "this machine"}
        and not one.name.startswith(OTHER_TESTS)
        and parameter not in OWNED | COMMON
    }

    assert unknown == set()


def test_another_person_reaches_nothing_of_mine(
    known: dict[str, str],
    serve: Callable[[str], None],
    make_officer: Callable[..., Person],
    sign_in: Callable[..., Client],
) -> None:
    serve("portal")
    visitor = sign_in(make_officer("Orxan"))
    before = everything()
    found = [
        (address.name, *one)
        for address in owned("portal")
        for one in calls(visitor, address.with_values(values_for(address, known)))
    ]

    assert [one for one in found if one[2] not in {404, 405}] == []
    assert len(found) > 30
    assert everything() == before


@pytest.mark.parametrize("office", ["officer", "unit-head", "expert"])
def test_another_body_reaches_no_case_of_ours(
    office: str,
    known: dict[str, str],
    serve: Callable[[str], None],
    make_officer: Callable[..., Person],
    sign_in: Callable[..., Client],
) -> None:
    serve("office")
    visitor = sign_in(make_officer("Orxan"), ("mia", office))
    before = everything()
    found = [
        (address.name, *one)
        for address in owned("office")
        if "unit-head" in address.rule or office in address.rule or address.rule == "signed in"
        for one in calls(visitor, address.with_values(values_for(address, known)))
    ]

    shown = {"authoring_move"}  # heads of all bodies see what others decided
    assert [one for one in found if one[2] not in {403, 404, 405} and one[0] not in shown] == []
    assert len(found) > 10
    assert everything() == before


def test_an_applicant_does_not_meet_their_own_case_at_the_desk(
    known: dict[str, str],
    applicant: Person,
    serve: Callable[[str], None],
    sign_in: Callable[..., Client],
) -> None:
    serve("office")
    visitor = sign_in(applicant, ("dyp", "unit-head"))
    found = [
        (address.name, *one)
        for address in owned("office")
        if address.name.startswith("office_")
        for one in calls(visitor, address.with_values(values_for(address, known)))
    ]

    assert [one for one in found if one[2] not in {403, 404, 405}] == []
    assert len(found) >= 10


def everything() -> list[Any]:
    """What would show that somebody changed something."""
    return [
        list(Case.objects.values_list("number", "version", "officer", "state")),
        list(Charge.objects.values_list("pk", "state")),
        list(Message.objects.values_list("pk", "read_at")),
        list(VersionMove.objects.values_list("pk", "approved_at", "dropped_at")),
        Attachment.objects.count(),
    ]
