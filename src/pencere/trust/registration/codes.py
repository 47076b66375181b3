"""Single-use codes that a person types into a phone: twelve signs, kept only as a keyed digest."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from pencere.kernel.errors import Refused
from pencere.trust.registration.office import Office
from pencere.trust.store import Connection

LIFETIME = timedelta(days=7)
TRIES = 5
# No sign that is mistaken for another when read aloud or from paper (Crockford).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12  # sixty bits


@dataclass(frozen=True)
class Claimed:
    """A code that was right. `is_used`: it has done its work, for this very request."""

    id: int
    act: uuid.UUID
    is_used: bool


def make(  # noqa: PLR0913 -- one code
    connection: Connection,
    office: Office,
    act: uuid.UUID,
    *,
    application: uuid.UUID | None = None,
    device: uuid.UUID | None = None,
    at: datetime,
) -> tuple[str, datetime]:
    """Return a new code and when it ends; the earlier ones of the same subject are void."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    expires_at = at + LIFETIME
    connection.execute(
        "insert into trust.ra_code"
        " (act, application, device, mac, created_at, expires_at, tries_left)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        (act, application, device, _mac(office, code), at, expires_at, TRIES),
    )
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4)), expires_at


def claim(  # noqa: PLR0913 -- one try
    connection: Connection,
    office: Office,
    typed: str,
    *,
    application: uuid.UUID | None = None,
    device: uuid.UUID | None = None,
    request: bytes,
    at: datetime,
) -> Claimed:
    """Use one try. A right code from then on belongs to this request alone. Commits.

    Raises:
        Refused: `enrolment.code` with `left`; `enrolment.blocked`, `enrolment.expired`,
            `enrolment.used`.
    """
    row = connection.execute(
        "select id, act, mac, expires_at, tries_left, claimed_by, used_at from trust.ra_code"
        " where application is not distinct from %s and device is not distinct from %s"
        " order by id desc limit 1 for update",
        (application, device),
    ).fetchone()
    if row is None:
        raise Refused("enrolment.code", left=0)
    identifier, act, mac, expires_at, left, claimed_by, used_at = row
    digest = hashlib.sha256(request).digest()
    if left <= 0:
        raise Refused("enrolment.blocked")
    if at >= expires_at:
        raise Refused("enrolment.expired")
    is_right = hmac.compare_digest(bytes(mac), _mac(office, normal(typed)))
    if not is_right:
        connection.execute(
            "update trust.ra_code set tries_left = tries_left - 1 where id = %s", (identifier,)
        )
        connection.commit()
        if left == 1:
            raise Refused("enrolment.blocked")
        raise Refused("enrolment.code", left=left - 1)
    if claimed_by is not None and bytes(claimed_by) != digest:
        raise Refused("enrolment.used")
    connection.execute(
        "update trust.ra_code set claimed_by = %s where id = %s", (digest, identifier)
    )
    connection.commit()
    return Claimed(identifier, act, used_at is not None)


def use(connection: Connection, code: Claimed, *, at: datetime) -> bool:
    """Mark a code as used; say whether this was the first time."""
    return (
        connection.execute(
            "update trust.ra_code set used_at = %s where id = %s and used_at is null",
            (at, code.id),
        ).rowcount
        == 1
    )


def normal(typed: str) -> str:
    """Return a code as it was made: people type blanks, small letters, O for zero, I for one."""
    compact = "".join(sign for sign in typed.upper() if sign.isalnum())
    return compact.translate(str.maketrans("OIL", "011"))


def _mac(office: Office, code: str) -> bytes:
    return hmac.digest(office.key("pencere registration codes v1"), code.encode(), "sha256")
