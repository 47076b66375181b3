"""What a register answers, as values. docs/reference/interfaces.md, "Registers over HTTP"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pencere.kernel.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Record:
    """One version of a record: only the fields that the purpose may see."""

    id: str
    version: int
    state: str
    valid_from: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """What was said of a record at one time; `actor`, `reason`, `case` are empty when not told."""

    version: int
    op: str
    state: str
    valid_from: str
    valid_to: str
    recorded_at: str
    reason: str
    actor: str
    case: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """One access to a person's data, with what proves that it was logged.

    `represented` is the id of the body that `receiver` acted for, empty when for none. The person
    themself acted, or no person did, or an officer. `outcome` is "answered", "fault" or
    "interrupted", and `status` what the register answered. `consent` is the number of the consent
    it rests on; an access that was kept from the person by law says until when, and by which order.

    `leaf`, `proof` and `checkpoint` are as the owner of the data sent them; see
    `web.portal.window.proof`.
    """

    at: str
    action: str
    receiver: str
    system: str
    service: str
    purpose: str
    legal_basis: str
    case: str
    exchange: str
    leaf: Mapping[str, Any] | None
    proof: tuple[str, ...]
    checkpoint: str
    represented: str = ""
    is_self: bool = False
    is_automatic: bool = False
    outcome: str = "answered"
    status: int = 200
    consent: str = ""
    hidden_until: str = ""
    hidden_reason: str = ""


@dataclass(frozen=True, slots=True)
class Usages:
    """A page of accesses, newest first; `total` counts all there are."""

    total: int
    usages: tuple[Usage, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """An access that is or was kept from the person by law; whose data it was is not told."""

    at: str
    exchange: str
    consumer: str
    service: str
    legal_basis: str
    case: str
    reason: str
    hidden_until: str


def read_suppressions(value: Any, *, register: str) -> tuple[Suppression, ...]:
    """Read the answer of getSuppressions."""
    try:
        return tuple(
            Suppression(
                at=str(one["time"]),
                exchange=str(one["exchange"]),
                consumer=str(one["consumer"]),
                service=str(one["service"]),
                legal_basis=str(one["legalBasis"]),
                case=str(one["case"]),
                reason=str(one["reason"]),
                hidden_until=str(one["hiddenUntil"]),
            )
            for one in value["suppressions"]
        )
    except (KeyError, TypeError) as error:
        raise Unavailable("register.unavailable", register=register, problem="form") from error


def read_record(value: Any, *, register: str) -> Record:
    """Read one record; an answer of another form is treated as no answer."""
    try:
        return Record(
            id=str(value["id"]),
            version=int(value["version"]),
            state=str(value["state"]),
            valid_from=str(value["valid_from"]),
            data=dict(value["data"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("register.unavailable", register=register, problem="form") from error


def read_versions(value: Any, *, register: str) -> tuple[Version, ...]:
    """Read all versions of a record."""
    try:
        return tuple(
            Version(
                version=int(one["version"]),
                data=dict(one["data"]),
                **{
                    name: str(one[name] or "")
                    for name in ("op", "state", "valid_from", "valid_to", "recorded_at", "reason",
                                 "actor", "case")
                },
            )
            for one in value["versions"]
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("register.unavailable", register=register, problem="form") from error


def read_usages(value: Any, *, register: str) -> Usages:
    """Read the answer of findUsage."""
    try:
        found = tuple(_usage(item) for item in value["usages"])
        return Usages(total=int(value["totalUsages"]), usages=found)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("register.unavailable", register=register, problem="form") from error


def _usage(item: Mapping[str, Any]) -> Usage:
    leaf, party = item.get("leaf"), item.get("representedParty")
    return Usage(
        at=str(item["logtime"]),
        action=str(item["action"]),
        receiver=str(item["receiverCode"]),
        system=str(item.get("receiverSystem", "")),
        service=str(item.get("service", "")),
        purpose=str(item.get("purpose", "")),
        legal_basis=str(item.get("legalBasis", "")),
        case=str(item.get("case", "") or ""),
        exchange=str(item["exchange"]),
        leaf=dict(leaf) if isinstance(leaf, Mapping) else None,
        proof=tuple(str(node) for node in item.get("proof") or ()),
        checkpoint=str(item.get("checkpoint") or ""),
        represented=str(party["code"]) if party is not None else "",
        is_self=item["self"] is True,
        is_automatic=item["automatic"] is True,
        outcome=str(item["outcome"]),
        status=int(item["status"]),
        consent=str(item.get("consent") or ""),
        hidden_until=str(item.get("hiddenUntil") or ""),
        hidden_reason=str(item.get("hiddenReason") or ""),
    )
