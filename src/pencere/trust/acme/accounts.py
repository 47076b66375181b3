"""ACME accounts (RFC 8555 sections 7.1.2 and 7.3): a key that a registered system asks with."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pencere.trust.acme.bindings import Binding
from pencere.trust.acme.jose import canonical, thumbprint
from pencere.trust.acme.problems import Problem
from pencere.trust.issuance import add_leaf
from pencere.trust.store import Connection

MOST_CONTACTS = 5
_MAIL = re.compile(r"mailto:[^\s@,?]{1,64}@[^\s@,?]{1,190}")
_BY_KEY = (
    "select id, binding, thumbprint, jwk, eab, contact, status from trust.acme_account"
    " where thumbprint = %s"
)
_BY_ID = (
    "select id, binding, thumbprint, jwk, eab, contact, status"
    " from trust.acme_account where id = %s"
)


@dataclass(frozen=True)
class Account:
    """An account as it is stored; `thumbprint` is that of its key (RFC 7638)."""

    id: str
    binding: str
    thumbprint: bytes
    jwk: dict[str, Any]
    eab: dict[str, Any]
    contact: list[str]
    status: str


def of_key(connection: Connection, jwk: dict[str, Any]) -> Account | None:
    """Return the account of a key."""
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(_BY_KEY, (thumbprint(jwk),)).fetchone()


def in_force(connection: Connection, identifier: str) -> Account:
    """Return an account that may act.

    Raises:
        Problem: `accountDoesNotExist`, or `unauthorized` when it was deactivated.
    """
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        account = cursor.execute(_BY_ID, (identifier,)).fetchone()
    if account is None:
        raise Problem("accountDoesNotExist", "account_missing")
    if account.status != "valid":
        raise Problem("unauthorized", "account_closed")
    return account


def create(  # noqa: PLR0913 -- parts of an account
    connection: Connection,
    binding: Binding,
    *,
    jwk: dict[str, Any],
    eab: dict[str, Any],
    contact: list[str],
    at: datetime,
) -> Account:
    """Open an account for a binding.

    Raises:
        Problem: `unauthorized`; the binding has an account with another key.
    """
    account = Account(
        secrets.token_urlsafe(12),
        binding.id,
        thumbprint(jwk),
        canonical(jwk),
        eab,
        contact,
        "valid",
    )
    try:
        with connection.transaction():
            connection.execute(
                "insert into trust.acme_account (id, binding, thumbprint, jwk, eab, contact,"
                " created_at) values (%s, %s, %s, %s, %s, %s, %s)",
                (
                    account.id,
                    binding.id,
                    account.thumbprint,
                    Jsonb(account.jwk),
                    Jsonb(eab),
                    contact,
                    at,
                ),
            )
    except UniqueViolation as error:
        raise Problem("unauthorized", "binding_used") from error
    add_leaf(
        connection,
        "enrolment.account",
        {"account": account.id, "binding": binding.id, "key": account.thumbprint.hex()},
    )
    return account


def change_contact(connection: Connection, account: Account, contact: list[str]) -> None:
    """Store other addresses."""
    connection.execute(
        "update trust.acme_account set contact = %s where id = %s", (contact, account.id)
    )


def deactivate(connection: Connection, account: Account) -> None:
    """Close an account for good, at its own wish."""
    connection.execute(
        "update trust.acme_account set status = 'deactivated' where id = %s", (account.id,)
    )
    add_leaf(connection, "enrolment.account-closed", {"account": account.id})


def change_key(
    connection: Connection, account: Account, jwk: dict[str, Any], *, at: datetime
) -> None:
    """Put another key in the place of the account's.

    Raises:
        Problem: `conflict`; the key belongs to an account already.
    """
    try:
        with connection.transaction():
            connection.execute(
                "update trust.acme_account set thumbprint = %s, jwk = %s where id = %s",
                (thumbprint(jwk), Jsonb(canonical(jwk)), account.id),
            )
    except UniqueViolation as error:
        raise Problem("conflict", "key_taken") from error
    add_leaf(
        connection,
        "enrolment.account-key",
        {
            "account": account.id,
            "at": at.isoformat(),
            "key": thumbprint(jwk).hex(),
            "was": account.thumbprint.hex(),
        },
    )


def read_contact(content: object) -> list[str]:
    """Return the contact addresses of a request; only mail.

    Raises:
        Problem: `unsupportedContact`, `invalidContact`, `malformed`.
    """
    if content is None:
        return []
    if not isinstance(content, list) or len(content) > MOST_CONTACTS:
        raise Problem("malformed", "contact")
    for one in content:
        if not isinstance(one, str):
            raise Problem("malformed", "contact")
        if not one.startswith("mailto:"):
            raise Problem("unsupportedContact", "contact")
        if not _MAIL.fullmatch(one):
            raise Problem("invalidContact", "contact")
    return content
