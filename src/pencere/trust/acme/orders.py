"""Orders and their authorisations (RFC 8555 sections 7.1.3 to 7.1.6).

Every order proves every name anew, over http-01; no proof is carried from one to the next. The
status of an order is not stored: it follows from what is.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.problems import Problem
from pencere.trust.store import Connection

LIFETIME = timedelta(days=1)
_ORDER = (
    "select id, account, profile, identifiers, replaces, created_at, expires_at, request,"
    " finalizing_at, certificate, error from trust.acme_order where id = %s and account = %s"
)
_AUTHORIZATIONS = (
    'select id, "order", kind, value, status, token, expires_at, asked_at, settled_at, error'
    ' from trust.acme_authorization where "order" = %s order by kind, value'
)
_AUTHORIZATION = (
    'select a.id, a."order", a.kind, a.value, a.status, a.token, a.expires_at, a.asked_at,'
    " a.settled_at, a.error from trust.acme_authorization a join trust.acme_order o"
    ' on o.id = a."order" where a.id = %s and o.account = %s'
)


@dataclass(frozen=True)
class Authorization:
    """Whether one name of one order is proved; the challenge is part of it."""

    id: str
    order: str
    kind: str
    value: str
    status: str
    token: str
    expires_at: datetime
    asked_at: datetime | None
    settled_at: datetime | None
    error: dict[str, Any] | None

    @property
    def identifier(self) -> Identifier:
        """What it is about."""
        return Identifier(self.kind, self.value)

    def status_at(self, at: datetime) -> str:
        """Return the status of the authorisation (section 7.1.6)."""
        if self.status in {"pending", "processing"}:
            return "pending" if at < self.expires_at else "expired"
        return "expired" if self.status == "valid" and at >= self.expires_at else self.status

    def challenge_status(self) -> str:
        """Return the status of the challenge, which has no `deactivated`."""
        return "invalid" if self.status == "deactivated" else self.status


@dataclass(frozen=True)
class Order:
    """One certificate asked for. `certificate` is its serial number, once it is issued."""

    id: str
    account: str
    profile: str
    identifiers: list[dict[str, str]]
    replaces: bytes | None
    created_at: datetime
    expires_at: datetime
    request: bytes | None
    finalizing_at: datetime | None
    certificate: bytes | None
    error: dict[str, Any] | None

    @property
    def names(self) -> list[Identifier]:
        """What the certificate will name."""
        return [Identifier(one["type"], one["value"]) for one in self.identifiers]

    def status(self, authorizations: Sequence[Authorization], at: datetime) -> str:
        """Return the status of the order (section 7.1.6)."""
        if self.certificate is not None:
            return "valid"
        found = {one.status_at(at) for one in authorizations}
        if self.error is not None or found - {"pending", "valid"} or at >= self.expires_at:
            return "invalid"
        if self.finalizing_at is not None:
            return "processing"
        return "pending" if "pending" in found else "ready"


def create(  # noqa: PLR0913 -- parts of an order
    connection: Connection,
    account: str,
    names: Sequence[Identifier],
    *,
    profile: str,
    replaces: bytes | None,
    at: datetime,
) -> Order:
    """Make an order with an authorisation for each name.

    Raises:
        Problem: `alreadyReplaced`; another order replaces that certificate.
    """
    order = Order(
        secrets.token_urlsafe(12),
        account,
        profile,
        [one.as_json() for one in names],
        replaces,
        at,
        at + LIFETIME,
        *(None, None, None, None),
    )
    try:
        with connection.transaction():
            connection.execute(
                "insert into trust.acme_order (id, account, profile, identifiers, replaces,"
                " created_at, expires_at) values (%s, %s, %s, %s, %s, %s, %s)",
                (order.id, account, profile, Jsonb(order.identifiers), replaces, at, at + LIFETIME),
            )
    except UniqueViolation as error:
        raise Problem("alreadyReplaced", "replaced") from error
    for one in names:
        connection.execute(
            'insert into trust.acme_authorization (id, "order", kind, value, token, expires_at)'
            " values (%s, %s, %s, %s, %s, %s)",
            (
                secrets.token_urlsafe(12),
                order.id,
                one.kind,
                one.value,
                secrets.token_urlsafe(32),
                at + LIFETIME,
            ),
        )
    return order


def find(connection: Connection, identifier: str, account: str, *, lock: bool = False) -> Order:
    """Return an order of the account; `lock` keeps others off until the transaction ends.

    Raises:
        Problem: `malformed` with status 404; a stranger's order does not exist for the account.
    """
    with connection.cursor(row_factory=class_row(Order)) as cursor:
        order = cursor.execute(
            _ORDER + (" for update" if lock else ""),
            (identifier, account),
        ).fetchone()
    if order is None:
        raise Problem("malformed", "missing", http_status=404)
    return order


def of_account(connection: Connection, account: str, *, most: int = 100) -> list[str]:
    """Return the newest orders of an account, by id."""
    rows = connection.execute(
        "select id from trust.acme_order where account = %s order by created_at desc, id limit %s",
        (account, most),
    ).fetchall()
    return [str(row[0]) for row in rows]


def authorizations(connection: Connection, order: str) -> list[Authorization]:
    """Return the authorisations of an order, always in the same order."""
    with connection.cursor(row_factory=class_row(Authorization)) as cursor:
        return cursor.execute(_AUTHORIZATIONS, (order,)).fetchall()


def authorization(connection: Connection, identifier: str, account: str) -> Authorization:
    """Return an authorisation of the account.

    Raises:
        Problem: `malformed` with status 404.
    """
    with connection.cursor(row_factory=class_row(Authorization)) as cursor:
        found = cursor.execute(_AUTHORIZATION, (identifier, account)).fetchone()
    if found is None:
        raise Problem("malformed", "missing", http_status=404)
    return found


def ask(connection: Connection, found: Authorization, *, at: datetime) -> None:
    """Let the challenge be tried; once asked, asking again changes nothing."""
    connection.execute(
        "update trust.acme_authorization set status = 'processing', asked_at = %s"
        " where id = %s and status = 'pending' and expires_at > %s",
        (at, found.id, at),
    )


def settle(
    connection: Connection, identifier: str, error: dict[str, Any] | None, *, at: datetime
) -> None:
    """Record how the challenge ended."""
    connection.execute(
        "update trust.acme_authorization set status = %s, error = %s, settled_at = %s"
        " where id = %s and status = 'processing'",
        ("invalid" if error else "valid", Jsonb(error) if error else None, at, identifier),
    )


def deactivate(connection: Connection, identifier: str, *, at: datetime) -> None:
    """Give an authorisation up, at the account's wish."""
    connection.execute(
        "update trust.acme_authorization set status = 'deactivated', settled_at = %s"
        " where id = %s and status in ('pending', 'processing', 'valid')",
        (at, identifier),
    )


def take_request(connection: Connection, order: Order, request: bytes, *, at: datetime) -> None:
    """Put the certificate request on record; from now on the order is being processed."""
    connection.execute(
        "update trust.acme_order set request = %s, finalizing_at = %s where id = %s",
        (request, at, order.id),
    )


def complete(connection: Connection, order: str, serial: bytes) -> None:
    """Record the certificate."""
    connection.execute(
        "update trust.acme_order set certificate = %s where id = %s", (serial, order)
    )


def fail(connection: Connection, order: str, error: dict[str, Any]) -> None:
    """Record that the order will have no certificate."""
    connection.execute(
        "update trust.acme_order set error = %s where id = %s", (Jsonb(error), order)
    )


def account_of_certificate(connection: Connection, serial: bytes) -> str | None:
    """Return the account whose order a certificate came from."""
    row = connection.execute(
        "select account from trust.acme_order where certificate = %s", (serial,)
    ).fetchone()
    return None if row is None else str(row[0])


def proved_by(connection: Connection, account: str, *, at: datetime) -> set[Identifier]:
    """Return the names that the account has proved and may still speak for."""
    rows = connection.execute(
        "select distinct a.kind, a.value from trust.acme_authorization a"
        ' join trust.acme_order o on o.id = a."order"'
        " where o.account = %s and a.status = 'valid' and a.expires_at > %s",
        (account, at),
    ).fetchall()
    return {Identifier(kind, value) for kind, value in rows}
