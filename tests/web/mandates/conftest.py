"""Leyla, who may act for others, and registers on paper that find records by their keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Unavailable
from pencere.kernel.identifiers import Fin
from pencere.web.exchange import Purpose, Record
from pencere.web.people.domain import accounts
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity

NOON = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LEYLA, NIGAR, ORXAN, AYDAN = "4LEYL82", "9NGAR15", "5RXAN31", "6AYDN47"


@dataclass
class PaperRegisters:
    """Stands where the gateway does: records on paper, found by their fields."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, Purpose]] = field(default_factory=list)

    def put(self, register: str, record: str, /, **data: Any) -> None:
        self.records.setdefault(register, []).append(
            Record(record, 1, "valid", str(data.get("since", "2020-01-01")), data)
        )

    def query(
        self, *, register: str, by: Mapping[str, Any], purpose: Purpose, valid_at: str | None = None
    ) -> tuple[Record, ...]:
        self._hear(register)
        self.asked.append((register, purpose))
        [(name, value)] = by.items()
        return tuple(
            one
            for one in self.records.get(register, ())
            if one.data.get(name) == value and one.state == "valid"
        )

    def transact(
        self, *, register: str, operations: Sequence[Mapping[str, Any]], purpose: Purpose,
        idempotency_key: str,
    ) -> tuple[Record, ...]:  # fmt: skip
        self._hear(register)
        self.asked.append((register, purpose))
        [operation] = operations
        kept = self.records.setdefault(register, [])
        if operation["op"] == "create":
            data = {**operation["data"], "number": f"E-{len(kept) + 1:08}"}
            kept.append(Record(str(len(kept) + 1), 1, "valid", data["since"], data))
            return (kept[-1],)
        for place, one in enumerate(kept):
            if one.id == operation["id"]:
                if one.version != operation["version"] or one.state != "valid":
                    raise Conflict("register.changed", register=register)
                kept[place] = Record(one.id, 2, "annulled", one.valid_from, one.data)
                return (kept[place],)
        raise Conflict("register.changed", register=register)

    def _hear(self, register: str) -> None:
        if register in self.silent:
            raise Unavailable("register.unavailable", register=register)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    fixed = FixedClock(NOON)
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


def account(fin: str, given: str, family: str) -> Person:
    identity = Identity(Fin(fin), given, family)
    return accounts.open_account(identity, at=NOON, phone="+994501000002")


@pytest.fixture
def leyla(db: None, clock: FixedClock) -> Person:
    return account(LEYLA, "Leyla", "Məmmədova")


@pytest.fixture
def orxan(db: None, clock: FixedClock) -> Person:
    return account(ORXAN, "Orxan", "Həsənov")


@pytest.fixture
def registers(monkeypatch: pytest.MonkeyPatch) -> PaperRegisters:
    """A child of Leyla, a company that Orxan heads, a power that Aydan gave Leyla for cars."""
    paper = PaperRegisters()
    person = "population/person"
    paper.put(person, "1", fin=LEYLA, family="Məmmədova", given="Leyla", born="1988-09-03")
    paper.put(
        person, "2", fin=NIGAR, family="Məmmədova", given="Nigar", born="2017-02-20", mother=LEYLA
    )
    paper.put(person, "3", fin=ORXAN, family="Həsənov", given="Orxan", born="1983-11-19")
    for record, fin in (("11", LEYLA), ("12", NIGAR)):
        paper.put(
            "population/residence", record, fin=fin, kind="permanent", region="AZ-SM",
            address_line="Sumqayıt, Nizami küçəsi 12", since="2020-01-01",
        )  # fmt: skip
    paper.put(
        "taxpayers/representative", "21", fin=ORXAN, voen="9900000011",
        company="Göygöl Daşıma MMC", position="director", since="2019-04-01",
    )  # fmt: skip
    paper.put(
        "mandates/power", "31", number="E-00000001", principal=AYDAN, given="Aydan",
        family="Quliyeva", agent=LEYLA, agent_name="Leyla Məmmədova", scope=["car"],
        since="2026-11-01", until="2026-12-31",
    )  # fmt: skip
    for module in ("applications.opening", "applications.check", "applications.sign",
                   "applications.start", "window.own", "powers.views"):  # fmt: skip
        monkeypatch.setattr(f"pencere.web.portal.{module}.gateway", lambda: paper)
    return paper


@pytest.fixture
def acts(sign_in: Callable[..., Client]) -> Callable[..., Client]:
    """Give a browser in which a person acts by a power."""

    def enter(person: Person, kind: str, record: str) -> Client:
        browser = sign_in(person)
        answer = browser.post("/en/window/powers/act/", {"kind": kind, "record": record})
        assert answer.headers["location"] == "/en/window/"
        return browser

    return enter
