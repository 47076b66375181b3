"""An approved act is carried out, in the transaction of its last approval."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pencere.kernel.errors import Conflict
from pencere.trust import pins
from pencere.trust.registration import (
    acts,
    applications,
    codes,
    mass,
    officers,
    opening,
    phones,
    recording,
    remote_keys,
    subjects,
)
from pencere.trust.registration.acts import Act
from pencere.trust.registration.office import Office, instant
from pencere.trust.registration.recording import REASONS, Under
from pencere.trust.store import Connection


@dataclass(frozen=True)
class Done:
    """What an act came to: `kept` with it, `secret` shown once beside it."""

    what: str
    kept: dict[str, Any] | None = None
    secret: dict[str, Any] = field(default_factory=dict, repr=False)
    state: str = "executed"


def execute(
    connection: Connection, office: Office, act: Act, *, at: datetime
) -> dict[str, object] | None:
    """Carry out an act whose quorum is complete; return what is shown once, if anything.

    Raises:
        Conflict, Missing, Refused: things are no longer as they were when it was opened.
    """
    done = _KINDS[act.kind](connection, office, act, at)
    acts.settle(connection, act, done.state, at=at, result=done.kept)
    acts.leaf(
        connection,
        "ra.result",
        {
            "act": str(act.id),
            "at": instant(at),
            "of": act.kind,
            "serials": act.said["serials"],
            "sha256": act.sha256.hex(),
            "what": done.what,
        },
    )
    return {**(done.kept or {}), **done.secret} if done.secret else None


def _code(connection: Connection, office: Office, act: Act, at: datetime) -> Done:
    assert act.application is not None  # noqa: S101  # `opening` put it there
    # Two acts over one application take turns here.
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('trust.ra_application ' || %s, 0))",
        (str(act.application),),
    )
    opening.refuse_state(connection, act.kind, act.application)
    application = applications.find(connection, act.application)
    kept = {"application": str(application.id), "number": application.shown_number}
    if application.place == "centre":
        page, expires_at = remote_keys.begin(connection, office, act.id, application, at=at)
        return Done("page", {**kept, "expires_at": instant(expires_at)}, {"page": page})
    code, expires_at = codes.make(connection, office, act.id, application=application.id, at=at)
    return Done("code", {**kept, "expires_at": instant(expires_at)}, {"code": code})


def _decline(connection: Connection, _office: Office, act: Act, _at: datetime) -> Done:
    assert act.application is not None  # noqa: S101  # `opening` put it there
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('trust.ra_application ' || %s, 0))",
        (str(act.application),),
    )
    opening.refuse_state(connection, act.kind, act.application)
    remote_keys.end(connection, act.application)
    return Done("declined")


def _suspend(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    recording.suspend(connection, act.serials, Under(act.id, at))
    return Done("suspended")


def _release(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    recording.release(connection, act.serials, Under(act.id, at))
    return Done("released")


def _revoke(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    recording.revoke(connection, act.serials, REASONS[act.said["reason"]], Under(act.id, at))
    return Done("revoked")


def _mass(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    mass.read(act.details["selection"], at=act.opened_at)
    return Done("begun", {"count": act.details["count"], "revoked": 0}, state="executing")


def _authority(connection: Connection, office: Office, act: Act, at: datetime) -> Done:
    (found,) = subjects.find(connection, act.serials)
    if found.profile != act.details["issuer"]:
        raise Conflict("act.closed")
    return _revoke(connection, office, act, at)


def _unblock_pin(connection: Connection, office: Office, act: Act, at: datetime) -> Done:
    device = _device(connection, act)
    purpose: pins.Purpose = (
        "signature" if act.details["purpose"] == "signature" else "authentication"
    )
    phones.note_unblocking(connection, device, act.id, at=at)
    pins.unblock(connection, device, (purpose,), at=at)
    del office
    return Done("unblocked", {"device": str(device), "purpose": purpose})


def _unblock_puk(connection: Connection, office: Office, act: Act, at: datetime) -> Done:
    device = _device(connection, act)
    phones.note_unblocking(connection, device, act.id, at=at)
    pins.unblock(connection, device, pins.PINS, at=at)
    code, expires_at = codes.make(connection, office, act.id, device=device, at=at)
    kept = {"device": str(device), "expires_at": instant(expires_at)}
    return Done("unblocked", kept, {"code": code})


def _unblock_remote(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    credential = act.details["credential"]
    remote_keys.unblock(connection, credential, act.holder or "", act.id, at=at)
    return Done("unblocked", {"credential": credential})


def _device(connection: Connection, act: Act) -> uuid.UUID:
    device = uuid.UUID(act.details["device"])
    phones.require(connection, device, act.holder or "")
    return device


def _appoint(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    officers.appoint(connection, act.holder or "", act.details["role"], act=act.id, at=at)
    return Done("appointed")


def _dismiss(connection: Connection, _office: Office, act: Act, at: datetime) -> Done:
    officers.dismiss(connection, act.holder or "", act=act.id, at=at)
    return Done("dismissed")


_KINDS: dict[str, Callable[[Connection, Office, Act, datetime], Done]] = {
    "issue": _code,
    "new-code": _code,
    "decline": _decline,
    "suspend": _suspend,
    "release": _release,
    "revoke": _revoke,
    "mass-revoke": _mass,
    "key-compromise": _authority,
    "unblock-pin": _unblock_pin,
    "unblock-puk": _unblock_puk,
    "unblock-remote": _unblock_remote,
    "appoint": _appoint,
    "dismiss": _dismiss,
}
