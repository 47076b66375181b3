"""The applicant as the engine and the signed application know them."""

from collections.abc import Mapping
from typing import Any

from pencere.web.people.domain.visit import Acting
from pencere.web.people.models.person import Person


def in_context(person: Person, agent: Person | None) -> dict[str, Any]:
    """Return the applicant for the engine: with `signer`, the FIN of who signs."""
    return _with_signer(applicant_of(person), None if agent is None else applicant_of(agent))


def as_signed(application: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same from a signed application."""
    return _with_signer(application["applicant"], application.get("agent"))


def _with_signer(applicant: Mapping[str, Any], agent: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**applicant, "signer": (agent or applicant)["fin"]}


def applicant_of(person: Person) -> dict[str, Any]:
    """Return number and names; a company has `voen`, an empty `fin` and its name as `surname`."""
    identity = person.identity
    said = {
        "fin": identity.fin,
        "given_name": identity.given_name,
        "surname": identity.surname,
    }
    return {**said, "voen": identity.voen} if identity.voen is not None else said


def agent_of(agent: Person, acting: Acting) -> dict[str, Any]:
    """Return who signs for the applicant, and the power by which they do, as it was looked up."""
    return {
        **applicant_of(agent),
        "power": {
            "asked_at": acting.asked_at.isoformat(timespec="seconds"),
            "kind": acting.kind,
            "record": acting.record,
            "register": acting.register,
            "until": acting.until.isoformat() if acting.until else None,
            "version": acting.version,
        },
    }
