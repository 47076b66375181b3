"""What registers say of who may act for whom, asked anew each time and kept nowhere.

Each question is an access with a purpose that the person it is about can see. A power counts on
the days between its first and last, and not after its record was annulled.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pencere.kernel.errors import Invalid, Missing, Unavailable
from pencere.kernel.identifiers import Fin, parse_fin, parse_voen
from pencere.web.country import country
from pencere.web.exchange import Gateway, Purpose, Record
from pencere.web.mandates.kinds import Kind, kinds
from pencere.web.people.models.person import Person
from pencere.web.people.vault import Identity

GIVE = "give-power"
REACHES_EVERYTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Power:
    """A power as its register has it: record and version, for whom, when, for what.

    `scope` holds life events and services, none for everything; `data` the record's fields.
    """

    kind: Kind
    record: str
    version: int
    principal: Identity
    since: date | None
    until: date | None
    scope: frozenset[str]
    data: Mapping[str, Any]

    def holds(self, on: date) -> bool:
        """Say whether the power counts on a day."""
        return (self.since is None or self.since <= on) and (self.until is None or on <= self.until)


def powers_of(person: Person, *, gateway: Gateway, on: date) -> list[Power]:
    """Return the powers a person holds on a day, by kind.

    Raises:
        Unavailable: a register does not answer.
    """
    return [
        power
        for kind in kinds().by_id.values()
        for power in _asked(kind, person, gateway, tuple(kind.keys))
        if power.holds(on)
    ]


def power_of(person: Person, kind: str, record: str, *, gateway: Gateway, on: date) -> Power:
    """Return one power that a person holds on a day.

    Raises:
        Missing: "power.missing": none, ended, or somebody else's.
        Unavailable: its register does not answer.
    """
    known = kinds().by_id.get(kind)
    if known is not None:
        for power in _asked(known, person, gateway, tuple(known.keys)):
            if power.record == record and power.holds(on):
                return power
    raise Missing("power.missing")


def given_by(person: Person, *, gateway: Gateway, on: date) -> list[Power]:
    """Return the powers a person gave to others that have not ended by a day.

    Raises:
        Unavailable: a register does not answer.
    """
    return [
        power
        for kind in kinds().by_id.values()
        if kind.given_by
        for power in _asked(kind, person, gateway, (kind.given_by,))
        if power.until is None or on <= power.until
    ]


def end(person: Person, kind: str, record: str, *, gateway: Gateway, on: date) -> Power:
    """End a power of attorney: by who gave it, or by who holds it.

    Raises:
        Missing: "power.missing": none in force that the person gave or holds.
        Conflict: it was ended in the same moment.
        Unavailable: the register does not answer.
    """
    known = kinds().by_id.get(kind)
    if known is None or not known.given_by:
        raise Missing("power.missing")
    for key in (known.given_by, *known.keys):
        for power in _asked(known, person, gateway, (key,)):
            if power.record == record:
                _annul(power, person, gateway, on)
                return power
    raise Missing("power.missing")


def _annul(power: Power, person: Person, gateway: Gateway, on: date) -> None:
    giver = str(power.data[power.kind.given_by])
    gateway.transact(
        register=power.kind.register,
        operations=[
            {
                "op": "annul",
                "id": power.record,
                "version": power.version,
                "valid_from": on.isoformat(),
                "reason": "ended by the giver" if giver == person.fin else "given up by the holder",
            }
        ],
        purpose=_purpose(GIVE, about=giver, user=person),
        # A version is annulled once, so a key of each attempt is enough.
        idempotency_key=str(uuid.uuid4()),
    )


def _asked(kind: Kind, person: Person, gateway: Gateway, keys: tuple[str, ...]) -> list[Power]:
    fin = person.fin
    found: dict[str, Power] = {}
    for key in keys:
        records = gateway.query(
            register=kind.register,
            by={key: fin},
            purpose=_purpose(kinds().purpose, about=fin, user=person),
        )
        for record in records:
            if record.state == "valid" and not (kind.gone and record.data.get(kind.gone)):
                found[record.id] = _read(kind, record)
    return list(found.values())


def _purpose(code: str, *, about: str, user: Person) -> Purpose:
    return Purpose(
        code=code,
        legal_basis=country().purpose(code).basis,
        case="",
        person=about,
        user=user.fin,
    )


def _read(kind: Kind, record: Record) -> Power:
    data = record.data
    try:
        until = date.fromisoformat(data[kind.until]) if data.get(kind.until) else None
        return Power(
            kind=kind,
            record=record.id,
            version=record.version,
            principal=_principal(kind, data.get),
            since=date.fromisoformat(data[kind.since]) if kind.since else None,
            until=_before_birthday(until, kind.years) if until and kind.years else until,
            scope=frozenset(data[kind.scope]) if kind.scope else REACHES_EVERYTHING,
            data=data,
        )
    except (KeyError, TypeError, ValueError, Invalid) as problem:
        raise Unavailable(
            "register.unavailable", register=kind.register, problem="form"
        ) from problem


def _principal(kind: Kind, said: Callable[[str], Any]) -> Identity:
    part = {name: said(field) for name, field in kind.of.items()}
    surname = str(part["surname"] or "")
    if part.get("voen"):
        return Identity(Fin(""), "", surname, parse_voen(str(part["voen"])))
    return Identity(parse_fin(str(part["fin"])), str(part.get("given_name") or ""), surname)


def _before_birthday(born: date, years: int) -> date:
    """Return the last day before the full years are lived; 29 February lives them on 1 March."""
    try:
        birthday = born.replace(year=born.year + years)
    except ValueError:
        birthday = date(born.year + years, 3, 1)
    return birthday - timedelta(days=1)
