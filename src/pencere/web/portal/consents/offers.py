"""Agreements on exchange that only the person's consent opens, in the reader's words."""

from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import Missing
from pencere.web.country import country
from pencere.web.exchange.registers import Register, registers
from pencere.web.stateregister.domain.reading import consented_agreements
from pencere.web.stateregister.models import Agreement


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of the data: its name in the register, and for people."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An agreement as the person decides about it. `register` is None for what we do not know."""

    agreement: str
    recipient: str
    service: str
    purpose: str
    who: str
    system: str
    what: str
    owner: str
    why: str
    basis: str
    choices: tuple[Choice, ...]
    last_day: date


def offers(language: str, on: date) -> list[Offer]:
    """Return what may be consented to now, by who asks and what for."""
    return [_offer(one, language) for one in consented_agreements(on)]


def offer(agreement: str, language: str, on: date) -> Offer:
    """Return one.

    Raises:
        Missing: `consent.no_agreement`.
    """
    found = next((one for one in consented_agreements(on) if one.id == agreement), None)
    if found is None:
        raise Missing("consent.no_agreement")
    return _offer(found, language)


def _offer(agreement: Agreement, language: str) -> Offer:
    state = country()
    consumer, provider = agreement.consumer, agreement.provider
    register = registers().get(f"{provider.code}/{agreement.service_code}")
    # A consent is to one purpose; an agreement with several is offered by its first.
    purpose = state.purpose(agreement.purposes[0])
    names = agreement.fields or (list(register.fields) if register is not None else [])
    return Offer(
        agreement=agreement.id,
        recipient=f"AZ/{consumer.owner.member_class}/{consumer.key}",
        service=f"AZ/{provider.owner.member_class}/{provider.key}/{agreement.service_code}",
        purpose=agreement.purposes[0],
        who=consumer.owner.names[language],
        system=consumer.names[language],
        what=register.names.in_language(language) if register is not None else provider.key,
        owner=provider.owner.names[language],
        why=purpose.names.in_language(language),
        basis=state.acts[purpose.basis].names.in_language(language),
        choices=tuple(Choice(name, _label(register, name, language)) for name in names),
        last_day=agreement.last_day,
    )


def _label(register: Register | None, name: str, language: str) -> str:
    field = register.fields.get(name) if register is not None else None
    return field.name.in_language(language) if field is not None else name
