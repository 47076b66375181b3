"""A power of attorney is given by a service; what follows is in the register."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.cases.domain import drafts
from pencere.web.cases.domain.effects import run
from pencere.web.cases.domain.submission import Signed, document_to_sign, submit
from pencere.web.cases.models import Case, Effect
from pencere.web.issued.models import IssuedDocument
from pencere.web.mandates import powers
from pencere.web.mandates.acting import begin, of_session
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit
from pencere.web.people.models import Person

SERVICE = "power-of-attorney"


def give(person: Person, registers: Any, clock: FixedClock, visit: Visit | None = None) -> Case:
    """Give Leyla a power for cars until the end of the year."""
    draft = drafts.start_draft(
        person=visit.party if visit else person, service=SERVICE, at=clock.now(),
        agent=visit.agent if visit else None,
    )  # fmt: skip
    draft.acting = visit.acting if visit else None
    for question, value in {
        "agent": {"number": "4LEYL82", "found": {"given": "Leyla", "family": "M."}},
        "extent": "some", "fields": ["car"], "until": clock.now().date().replace(day=30),
    }.items():  # fmt: skip
        drafts.answer(draft=draft, question=question, value=value, at=clock.now())
    told = drafts.tell_facts(draft=draft, gateway=registers, at=clock.now())
    writing = drafts.writing(draft=draft, told=told, at=clock.now())
    document = document_to_sign(writing=writing, language="az", at=clock.now())
    case = submit(
        draft=draft, application=document, signed=Signed(b"cades", clock.now()),
        gateway=registers, at=clock.now(),
    )  # fmt: skip
    run.run(
        effect_id=Effect.objects.get(case=case, name="power").pk, gateway=registers, at=clock.now()
    )
    return case


def test_what_is_given_is_held_and_can_be_taken_back(
    orxan: Person, leyla: Person, registers: Any, clock: FixedClock
) -> None:
    case = give(orxan, registers, clock)

    today = clock.now().date()
    [power] = [
        one
        for one in powers.powers_of(leyla, gateway=registers, on=today)
        if one.principal.name == "Orxan Həsənov"
    ]
    assert (case.outcome, power.scope, power.data["agent_name"]) == (
        "granted", {"car"}, "Leyla Məmmədova",
    )  # fmt: skip
    # The name was asked for about her, for the case, by him.
    asked = [purpose for _, purpose in registers.asked if purpose.code == "give-power"]
    assert {(one.person, one.case) for one in asked} == {
        ("4LEYL82", case.number), ("5RXAN31", case.number),
    }  # fmt: skip
    [given] = powers.given_by(orxan, gateway=registers, on=today)
    powers.end(orxan, "attorney", given.record, gateway=registers, on=today)
    assert powers.given_by(orxan, gateway=registers, on=today) == []


def test_an_effect_that_runs_twice_gives_one_power(
    orxan: Person, leyla: Person, registers: Any, clock: FixedClock
) -> None:
    give(orxan, registers, clock)
    effect = Effect.objects.get(name="power")
    run.run(effect_id=effect.pk, gateway=registers, at=clock.now())

    assert len(powers.given_by(orxan, gateway=registers, on=clock.now().date())) == 1


def test_the_head_gives_a_power_for_the_company(
    orxan: Person, leyla: Person, registers: Any, clock: FixedClock
) -> None:
    token = sessions.begin(person=orxan, assurance="high", device="", at=clock.now())
    found = sessions.find(token, at=clock.now())
    assert found is not None
    assert found.visit is not None
    begin(found.visit, "head", "21", gateway=registers, at=clock.now())
    visit = replace(found.visit, acting=of_session(found.visit, at=settings.CLOCK.now()))
    give(orxan, registers, clock, visit)

    held = powers.powers_of(leyla, gateway=registers, on=clock.now().date())
    [power] = [one for one in held if one.principal.voen]
    assert (power.principal.name, power.principal.voen, power.data["principal"]) == (
        "Göygöl Daşıma MMC", "9900000011", "5RXAN31",
    )  # fmt: skip


def test_the_document_of_a_power_is_withdrawn_with_it_and_no_other(
    orxan: Person, leyla: Person, registers: Any, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    cases = [give(orxan, registers, clock) for _ in range(2)]
    for number, case in enumerate(cases):
        IssuedDocument.objects.create(
            code=f"ABCDEFGHJKMNPQRSTVW{number}", key=str(number), person=orxan, kind="power",
            service=SERVICE, name={"az": "a", "en": "a", "ru": "a"}, case=case.number,
            body="idda", language="az", sha256=bytes([number]) * 32, size_bytes=1,
            issued_at=clock.now(), status_at=clock.now(), leaf_hash=b"2" * 32,
        )  # fmt: skip
    [first, _] = powers.given_by(orxan, gateway=registers, on=clock.now().date())

    sign_in(orxan).post("/en/window/powers/end/", {"kind": "attorney", "record": first.record})

    found = IssuedDocument.objects.order_by("key").values_list("status", flat=True)
    assert list(found) == ["revoked", "valid"]
