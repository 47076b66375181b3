"""An applicant, registers on paper, a telephone that answers as it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import PencereError, Unavailable
from pencere.kernel.identifiers import Fin, Phone
from pencere.web.cases.domain import drafts, files
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.signing import Asked
from pencere.web.cases.domain.submission import (
    Signed,
    document_to_sign,
    fee_of,
    subject_of,
    submit,
)
from pencere.web.cases.models import Attachment, Case
from pencere.web.exchange import Purpose, Record
from pencere.web.payments.domain import charges
from pencere.web.payments.models import Charge
from pencere.web.people.domain import accounts
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity

NOON = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday
FIN = "6AYDN47"


@dataclass
class PaperRegisters:
    """Stands where the gateway does: the same calls, records on paper."""

    records: dict[str, list[Record]]
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, Purpose]] = field(default_factory=list)
    done: dict[str, tuple[Record, ...]] = field(default_factory=dict)

    def query(
        self, *, register: str, by: Mapping[str, Any], purpose: Purpose, valid_at: str | None = None
    ) -> tuple[Record, ...]:
        if register in self.silent:
            raise Unavailable("register.unavailable", register=register)
        self.asked.append((register, purpose))
        return tuple(self.records.get(register, ()))

    def transact(
        self,
        *,
        register: str,
        operations: Sequence[Mapping[str, Any]],
        purpose: Purpose,
        idempotency_key: str,
    ) -> tuple[Record, ...]:
        if register in self.silent:
            raise Unavailable("register.unavailable", register=register)
        if idempotency_key not in self.done:
            data = {**operations[-1]["data"], "number": f"BA {len(self.done) + 1:06d}"}
            made = Record("2", 1, "valid", "2026-11-20", data)
            self.done[idempotency_key] = (made,)
        return self.done[idempotency_key]


@dataclass
class PaperPen:
    """A telephone: `answer` is a signature, None while it waits, or why it ended."""

    answer: bytes | PencereError | None = None
    name: str = "paper"

    def ask(self, *, document: bytes, fin: Fin, phone: Phone, text: str, language: str) -> Asked:
        return Asked(code="1234", state={})

    def poll(self, *, document: bytes, state: dict[str, Any]) -> bytes | None:
        if isinstance(self.answer, PencereError):
            raise self.answer
        return self.answer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    fixed = FixedClock(NOON)
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


@pytest.fixture
def applicant(db: None, clock: FixedClock) -> Person:
    identity = Identity(Fin(FIN), "Aydan", "Quliyeva")
    return accounts.open_account(identity, at=clock.now(), phone="+994501000001")


@pytest.fixture
def registers() -> PaperRegisters:
    def one(**data: Any) -> list[Record]:
        return [Record("1", 3, "valid", "2020-01-01", {"fin": FIN, **data})]

    return PaperRegisters(
        {
            "population/person": one(
                family="Quliyeva", given="Aydan", patronymic="Rauf", born="1991-05-12"
            ),
            "dyp/driving-licence": one(
                number="AB 123456", family="Quliyeva", given="Aydan", categories=["B"],
                issued="2017-01-12", expires="2027-01-12",
            ),
            "health/medical-certificate": one(
                kind="driver", categories=["B"], valid_until="2027-03-14"
            ),
        }
    )  # fmt: skip


@pytest.fixture
def pen() -> PaperPen:
    return PaperPen()


@pytest.fixture
def write(applicant: Person, registers: PaperRegisters, clock: FixedClock) -> Callable[[], Writing]:
    """Give a complete application for a new licence, nothing paid or signed yet."""

    def complete() -> Writing:
        draft = drafts.start_draft(
            person=applicant, service="driving-licence-replace", at=clock.now()
        )
        photo = {
            "id": "00000000-0000-4000-8000-000000000001", "name": "a.jpg",
            "media_type": "image/jpeg", "size_bytes": 1, "width": 413, "height": 531,
        }  # fmt: skip
        for question, value in {
            "reason": "damaged", "damage": None, "phone": "+994501000001", "photo": photo,
        }.items():  # fmt: skip
            drafts.answer(draft=draft, question=question, value=value, at=clock.now())
        told = drafts.tell_facts(draft=draft, gateway=registers, at=clock.now())  # type: ignore[arg-type]
        return drafts.writing(draft=draft, told=told, at=clock.now())

    return complete


@pytest.fixture
def pay(clock: FixedClock) -> Callable[[Writing], Charge]:
    """Pay the fee of an application as the bank's callback would."""

    def settle(writing: Writing) -> Charge:
        charge = charges.request_charge(
            payer=writing.draft.person,
            subject=subject_of(writing.draft),
            beneficiary="dyp",
            amount=fee_of(writing, at=clock.now()).amount,
            description={"az": "a", "en": "a", "ru": "a"},
            basis={},
            at=clock.now(),
        )
        Charge.objects.filter(pk=charge.pk).update(state="started")
        Charge.objects.filter(pk=charge.pk).update(state="paid")
        charge.refresh_from_db()
        return charge

    return settle


@pytest.fixture
def sent(
    write: Callable[[], Writing],
    pay: Callable[[Writing], Charge],
    registers: PaperRegisters,
    clock: FixedClock,
) -> Case:
    """A paid and signed application that lies in the officers' queue."""
    writing = write()
    pay(writing)
    Attachment.objects.create(
        pk="00000000-0000-4000-8000-000000000001", draft=writing.draft, question="photo",
        name="a.jpg", media_type="image/jpeg", size_bytes=1, sha256=files.keep(b"a picture"),
        added_at=clock.now(),
    )  # fmt: skip
    document = document_to_sign(writing=writing, language="az", at=clock.now())
    return submit(
        draft=writing.draft,
        application=document,
        signed=Signed(b"cades", clock.now()),
        gateway=registers,  # type: ignore[arg-type]
        at=clock.now(),
    )
