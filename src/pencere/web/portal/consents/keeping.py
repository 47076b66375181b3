"""The register of consents, through the gateway: what the person gave, changed, took back."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import Unavailable
from pencere.web.country import country
from pencere.web.exchange import Purpose, Record, gateway
from pencere.web.people.models.person import Person
from pencere.web.portal.consents.offers import Offer

REGISTER = "consent/consent"


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as the register has it. `version` guards against two changes at once."""

    number: str
    version: int
    is_in_force: bool
    agreement: str
    fields: tuple[str, ...]
    since: str
    until: date


def consents_of(person: Person) -> list[Consent]:
    """Return the person's consents, those taken back too.

    Raises:
        Unavailable: the register does not answer.
    """
    found = gateway().query(
        register=REGISTER,
        by={"fin": person.fin},
        purpose=_purpose(person, "my-consents"),
        annulled_too=True,
    )
    return [_read(record) for record in found]


def consent_to(person: Person, agreement: str) -> Consent | None:
    """Return the consent in force to an agreement."""
    return next(
        (one for one in consents_of(person) if one.agreement == agreement and one.is_in_force),
        None,
    )


def give(  # noqa: PLR0913, a consent is all of these
    person: Person,
    offer: Offer,
    fields: Sequence[str],
    until: date,
    *,
    known: Consent | None,
    today: date,
) -> None:
    """Give a consent, or change the one that is known.

    Raises:
        Conflict: another change came first.
    """
    data = {
        "fin": person.fin,
        "agreement": offer.agreement,
        "recipient": offer.recipient,
        "service": offer.service,
        "purpose": offer.purpose,
        "fields": list(fields),
        "until": until.isoformat(),
    }
    operation: dict[str, object] = {"valid_from": today.isoformat(), "data": data}
    if known is None:
        operation |= {"op": "create", "reason": "given by the person"}
    else:
        operation |= {
            "op": "amend",
            "id": known.number,
            "version": known.version,
            "reason": "changed by the person",
        }
    _write(person, operation)


def take_back(person: Person, known: Consent, *, today: date) -> None:
    """End a consent.

    Raises:
        Conflict: another change came first.
    """
    _write(
        person,
        {
            "op": "annul",
            "id": known.number,
            "version": known.version,
            "valid_from": today.isoformat(),
            "reason": "withdrawn by the person",
        },
    )


def _write(person: Person, operation: dict[str, object]) -> None:
    # Two presses of one button meet in the register: it keeps one consent for each agreement, and
    # a version is changed once. So a key of each attempt is enough.
    gateway().transact(
        register=REGISTER,
        operations=[operation],
        purpose=_purpose(person, "give-consent"),
        idempotency_key=str(uuid.uuid4()),
    )


def _purpose(person: Person, code: str) -> Purpose:
    return Purpose(
        code=code,
        legal_basis=country().purpose(code).basis,
        case="",
        person=person.fin,
        user=person.fin,
    )


def _read(record: Record) -> Consent:
    try:
        data = record.data
        return Consent(
            number=record.id,
            version=record.version,
            is_in_force=record.state == "valid",
            agreement=str(data["agreement"]),
            fields=tuple(data["fields"]),
            since=record.valid_from,
            until=date.fromisoformat(data["until"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise Unavailable("register.unavailable", register=REGISTER, problem="form") from problem
