"""A person's own certificates are held or revoked at their word, as the portal passes it on.

Harm that can be undone is done at once: whoever is signed in may hold. What cannot be undone
needs a sign-in at the highest level.
"""

from datetime import datetime
from typing import Any

from pencere.trust.registration import acts, fields, recording, subjects
from pencere.trust.registration.acts import Act, Opening
from pencere.trust.registration.fields import Content
from pencere.trust.registration.office import Office, hex_of, instant
from pencere.trust.registration.recording import REASONS, Under
from pencere.trust.store import Connection

LEVELS = ("low", "substantial", "high")
OWN_REASONS = ("keyCompromise", "superseded", "cessationOfOperation", "unspecified")
_FIELDS = ("id", "holder", "serials", "act", "assurance", "reason", "note")


def act_on_own(connection: Connection, office: Office, given: Content, *, at: datetime) -> Act:
    """Hold or revoke; the same again is the same act.

    Raises:
        Invalid: `act.content`. Missing: `certificate.missing`, not this person's.
        Conflict: `certificate.revoked_already`, `act.conflict`.
    """
    fields.only(given, _FIELDS)
    fin = fields.fin(given, "holder")
    wanted = fields.word(given, "act", ("suspend", "revoke"))
    serials, holder = fields.serials(given), office.holder(fin)
    if not serials:
        raise fields.wrong("serials")
    reason = None
    if wanted == "revoke":
        reason = fields.word({"reason": "unspecified", **given}, "reason", OWN_REASONS)
    elif given.get("reason") is not None:
        raise fields.wrong("reason")
    level = fields.word(given, "assurance", LEVELS)
    said: dict[str, Any] = {
        "id": str(fields.identifier(given, "id")),
        "act": f"own-{wanted}",
        "channel": "portal",
        "opened_by": fin,
        "subject": fin,
        "serials": [hex_of(one) for one in serials],
        "reason": reason,
        "case": None,
        "note": fields.text(given, "note", longest=fields.LONGEST_NOTE, empty=True),
        "details": {"assurance": level},
    }
    act, is_new = acts.record(
        connection, office, Opening(said, holder, holder), at=at, expires_at=at
    )
    if not is_new:
        return act
    found = subjects.find(connection, serials)
    subjects.require(found, "revoke", holder)  # what is held already may be revoked
    under = Under(act.id, at)
    if reason is not None and level == "high":
        recording.revoke(connection, serials, REASONS[reason], under)
        what, pending = "revoked", None
    else:
        good = [one.serial for one in found if one.standing == "good"]
        recording.suspend(connection, good, under)
        what, pending = "suspended", wanted if wanted == "revoke" else None
    acts.settle(connection, act, "executed", at=at, result={"what": what, "pending": pending})
    acts.leaf(
        connection,
        "ra.result",
        {
            "act": str(act.id),
            "at": instant(at),
            "of": act.kind,
            "serials": said["serials"],
            "sha256": act.sha256.hex(),
            "what": what,
        },
    )
    return acts.find(connection, act.id)
