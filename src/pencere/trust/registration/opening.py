"""An act is opened by an officer: read, completed, checked, put on record.

What cannot be carried out is refused here already; it is checked again when it is carried out.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.trust.profile import ISSUING
from pencere.trust.registration import (
    acts,
    applications,
    fields,
    mass,
    phones,
    remote_keys,
    subjects,
)
from pencere.trust.registration.acts import Act, Opening
from pencere.trust.registration.fields import Content
from pencere.trust.registration.office import Office, hex_of
from pencere.trust.registration.officers import ROLES, in_office
from pencere.trust.registration.quorum import quorums
from pencere.trust.registration.recording import REASONS
from pencere.trust.store import Connection

LIFETIME = timedelta(hours=24)
SHORTEST_S, LONGEST_S = 300, 604_800
_FIELDS = (
    "id",
    "act",
    "opened_by",
    "subject",
    "serials",
    "reason",
    "case",
    "note",
    "details",
    "expires_in",
)
_REVOKING = ("revoke", "mass-revoke", "key-compromise")


@dataclass(frozen=True)
class Asked:
    """The common fields of an act, read; `details` are still as they came."""

    connection: Connection
    office: Office
    at: datetime
    kind: str
    subject: str | None
    serials: tuple[bytes, ...]
    reason: str | None
    details: Content

    @property
    def holder(self) -> str | None:
        """The subject as certificates name them."""
        return None if self.subject is None else self.office.holder(self.subject)

    def need_no_serials(self) -> None:
        """Refuse serial numbers where they would be believed to have an effect."""
        if self.serials:
            raise fields.wrong("serials")

    def need_subject(self) -> str:
        """Return the holder the act must name."""
        if self.holder is None:
            raise fields.wrong("subject")
        return self.holder


def open_act(
    connection: Connection, office: Office, given: Content, *, at: datetime
) -> tuple[Act, bool]:
    """Put an officer's act on record; the same again is the same act. Say whether it is new.

    Raises:
        Invalid: `act.content` with the field. Refused: `officer.unknown`, what the kind refuses.
        Missing, Conflict: of certificates, applications, phones; `act.conflict`.
    """
    fields.only(given, _FIELDS)
    kind = fields.word(given, "act", quorums())
    opened_by = fields.fin(given, "opened_by")
    expires_in = LIFETIME
    if "expires_in" in given:
        seconds = fields.number(given, "expires_in", least=SHORTEST_S, most=LONGEST_S)
        expires_in = timedelta(seconds=seconds)
    in_office(connection, office.holder(opened_by))
    asked = Asked(
        connection=connection,
        office=office,
        at=at,
        kind=kind,
        subject=fields.fin(given, "subject") if given.get("subject") is not None else None,
        serials=fields.serials(given),
        reason=_reason(given, kind),
        details=fields.mapping(given, "details") if "details" in given else {},
    )
    said: dict[str, Any] = {
        "id": str(fields.identifier(given, "id")),
        "act": kind,
        "channel": "office",
        "opened_by": opened_by,
        "subject": asked.subject,
        "serials": [hex_of(one) for one in asked.serials],
        "reason": asked.reason,
        "case": fields.case(given),
        "note": fields.text(given, "note", longest=fields.LONGEST_NOTE, empty=True),
    }
    there = _there(connection, said["id"])
    said["details"] = there if there is not None else {}
    if there is None or not _is_repetition(connection, said, asked):
        said["details"] = _DETAILS[kind](asked)
    application = said["details"].get("application")
    opening = Opening(
        said,
        asked.holder,
        office.holder(opened_by),
        uuid.UUID(application) if application else None,
    )
    return acts.record(connection, office, opening, at=at, expires_at=at + expires_in)


def _there(connection: Connection, identifier: str) -> dict[str, Any] | None:
    try:
        return acts.find(connection, uuid.UUID(identifier)).details
    except Missing:
        return None


def _is_repetition(connection: Connection, said: dict[str, Any], asked: Asked) -> bool:
    """Say whether an act on record was asked for in these words; it may have been done since."""
    there = acts.find(connection, uuid.UUID(said["id"])).said
    if any(there.get(name) != value for name, value in said.items()):
        raise Conflict("act.conflict")
    given = dict(asked.details)
    kept = {name: there["details"].get(name) for name in given}
    if asked.kind == "mass-revoke":  # the cut-off was completed, if it was not given
        given["selection"] = _without_cut_off(given.get("selection"))
        kept["selection"] = _without_cut_off(kept.get("selection"))
    if given != kept:
        raise Conflict("act.conflict")
    return True


def _without_cut_off(selection: object) -> object:
    if not isinstance(selection, dict):
        return selection
    return {name: value for name, value in selection.items() if name != "issued_until"}


def _reason(given: Content, kind: str) -> str | None:
    if kind not in _REVOKING:
        if given.get("reason") is not None:
            raise fields.wrong("reason")
        return None
    reason = fields.word(given, "reason", REASONS)
    # An authority's compromise is said of authorities, and nothing else is said of their keys.
    if (kind == "key-compromise") != (reason == "cACompromise") and kind != "mass-revoke":
        raise fields.wrong("reason")
    return reason


def _application(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    fields.only(asked.details, ("application", "application_sha256"), "details.")
    found = applications.find(asked.connection, fields.identifier(asked.details, "application"))
    named = fields.sha256(asked.details.get("application_sha256"), "application_sha256")
    if found.sha256 != named:
        raise fields.wrong("application_sha256")
    if found.holder != asked.need_subject():
        raise fields.wrong("subject")
    refuse_state(asked.connection, asked.kind, found.id)
    return {"application": str(found.id), "application_sha256": found.sha256.hex()}


def refuse_state(connection: Connection, kind: str, application: uuid.UUID) -> None:
    """Refuse what an application in its state cannot come to.

    Raises:
        Conflict: `application.state` with `state`.
    """
    state = applications.state_of(connection, application)
    expected = {"issue": ("open",), "new-code": ("approved",), "decline": ("open", "approved")}
    if state not in expected[kind]:
        raise Conflict("application.state", state=state)


def _certificates(asked: Asked) -> dict[str, Any]:
    fields.only(asked.details, (), "details.")
    if not asked.serials:
        raise fields.wrong("serials")
    found = subjects.find(asked.connection, asked.serials)
    subjects.require(found, asked.kind, asked.holder)
    return {}


def _mass(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    if asked.subject is not None:
        raise fields.wrong("subject")
    fields.only(asked.details, ("selection", "count"), "details.")
    selection = mass.read(fields.mapping(asked.details, "selection"), at=asked.at)
    expected = fields.number(asked.details, "count", least=1, most=2**53 - 1)
    count = mass.count(asked.connection, selection, at=asked.at)
    if count != expected:
        raise Conflict("act.count", count=count)
    return {"selection": selection.as_json(), "count": count}


def _authority(asked: Asked) -> dict[str, Any]:
    fields.only(asked.details, ("issuer",), "details.")
    issuer = fields.word(asked.details, "issuer", ISSUING)
    if asked.subject is not None:
        raise fields.wrong("subject")
    if len(asked.serials) != 1:
        raise fields.wrong("serials")
    (found,) = subjects.find(asked.connection, asked.serials)
    if found.profile != issuer:
        raise Missing("certificate.missing")
    if found.standing == "revoked":
        raise Conflict("certificate.revoked_already")
    return {"issuer": issuer}


def _pin(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    allowed = ("device", "purpose") if asked.kind == "unblock-pin" else ("device",)
    fields.only(asked.details, allowed, "details.")
    device = fields.identifier(asked.details, "device")
    phones.require(asked.connection, device, asked.need_subject())
    details = {"device": str(device)}
    if asked.kind == "unblock-pin":
        details["purpose"] = fields.word(asked.details, "purpose", ("authentication", "signature"))
    return details


def _remote_key(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    fields.only(asked.details, ("credential",), "details.")
    credential = fields.text(asked.details, "credential", longest=40)
    remote_keys.require(asked.connection, credential, asked.need_subject())
    return {"credential": credential}


def _appointment(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    fields.only(asked.details, ("role",), "details.")
    asked.need_subject()
    return {"role": fields.word(asked.details, "role", ROLES)}


def _dismissal(asked: Asked) -> dict[str, Any]:
    asked.need_no_serials()
    fields.only(asked.details, (), "details.")
    in_office(asked.connection, asked.need_subject())
    return {}


_DETAILS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "issue": _application,
    "new-code": _application,
    "decline": _application,
    "suspend": _certificates,
    "release": _certificates,
    "revoke": _certificates,
    "mass-revoke": _mass,
    "key-compromise": _authority,
    "unblock-pin": _pin,
    "unblock-puk": _pin,
    "unblock-remote": _remote_key,
    "appoint": _appointment,
    "dismiss": _dismissal,
}


def withdraw(
    connection: Connection, office: Office, act_id: uuid.UUID, given: Content, *, at: datetime
) -> Act:
    """Take an open act back; only who opened it may.

    Raises:
        Refused: `officer.unknown`. Conflict: `act.closed`. Missing: `act.missing`.
    """
    fields.only(given, ("opened_by",))
    act = acts.lock(connection, act_id)
    if office.holder(fields.fin(given, "opened_by")) != act.opened_by or act.channel != "office":
        raise Refused("officer.unknown")
    if act.state == "withdrawn":
        return act
    if act.state != "open":
        raise Conflict("act.closed")
    acts.settle(connection, act, "withdrawn", at=at)
    acts.leaf(
        connection,
        "ra.result",
        {"act": str(act.id), "sha256": act.sha256.hex(), "what": "withdrawn"},
    )
    return acts.find(connection, act_id)
