"""Which system of which body may ask for certificates: external account binding (RFC 8555 7.3.4).

An operator of the centre makes a binding for a system that the state register knows. Its MAC key
is derived from its id, so the database holds nothing that could open an account.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from psycopg.rows import class_row

from pencere.kernel.errors import Invalid, Missing
from pencere.trust.acme import identifiers
from pencere.trust.acme.jose import decode, encode, read_object, thumbprint
from pencere.trust.acme.problems import Problem
from pencere.trust.issuance import add_leaf
from pencere.trust.profile import load_profile
from pencere.trust.store import Connection

LIFETIME = timedelta(days=3653)
PROFILES = ("tls-service", "tls-node")


@dataclass(frozen=True)
class Binding:
    """What a body's system may ask for. `identifiers` are rules of `check_permitted`."""

    id: str
    body: str
    organization: str
    system: str
    identifiers: list[str]
    profiles: list[str]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_in_force(self, at: datetime) -> bool:
        """Say whether it may still be used."""
        return self.ended_at is None and self.created_at <= at < self.expires_at


@dataclass(frozen=True)
class BindingKeys:
    """Derives the MAC key of a binding from the service's secret."""

    secret: bytes

    def of(self, binding: str) -> bytes:
        """Return the 32 bytes that the operator hands to the system's administrator."""
        derived = HKDFExpand(hashes.SHA256(), 32, b"pencere enrolment binding " + binding.encode())
        return derived.derive(self.secret)


def create(  # noqa: PLR0913 -- parts of a binding
    connection: Connection,
    *,
    body: str,
    organization: str,
    system: str,
    permitted: Sequence[str],
    profiles: Sequence[str],
    at: datetime,
) -> Binding:
    """Make a binding; its leaf goes into the log.

    Raises:
        Invalid: `binding.profile`; a profile that machines cannot ask for.
        Problem: a rule that is no name, address, domain or network.
    """
    if not profiles or set(profiles) - set(PROFILES):
        raise Invalid("binding.profile", given=",".join(profiles), allowed=",".join(PROFILES))
    for name in profiles:
        load_profile(name)
    rules = list(dict.fromkeys(map(identifiers.parse_rule, permitted)))
    identifier = secrets.token_urlsafe(12)
    binding = Binding(
        identifier, body, organization, system, rules, list(profiles), at, at + LIFETIME, None
    )
    connection.execute(
        "insert into trust.enrolment_binding (id, body, organization, system, identifiers,"
        " profiles, created_at, expires_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (identifier, body, organization, system, rules, list(profiles), at, binding.expires_at),
    )
    add_leaf(
        connection,
        "enrolment.binding",
        {
            "binding": identifier,
            "body": body,
            "identifiers": rules,
            "profiles": list(profiles),
            "system": system,
        },
    )
    return binding


def end(connection: Connection, identifier: str, *, at: datetime) -> None:
    """End a binding: its account asks for nothing more. Certificates stay as they are.

    Raises:
        Missing: `binding.missing`; there is none in force of that id.
    """
    row = connection.execute(
        "update trust.enrolment_binding set ended_at = %s where id = %s and ended_at is null"
        " returning id",
        (at, identifier),
    ).fetchone()
    if row is None:
        raise Missing("binding.missing")
    add_leaf(connection, "enrolment.binding-ended", {"binding": identifier})


def find(connection: Connection, identifier: str) -> Binding | None:
    """Return a binding by its id."""
    with connection.cursor(row_factory=class_row(Binding)) as cursor:
        return cursor.execute(
            "select id, body, organization, system, identifiers, profiles, created_at,"
            " expires_at, ended_at from trust.enrolment_binding where id = %s",
            (identifier,),
        ).fetchone()


def all_of(connection: Connection) -> list[Binding]:
    """Return all bindings, newest first."""
    with connection.cursor(row_factory=class_row(Binding)) as cursor:
        return cursor.execute(
            "select id, body, organization, system, identifiers, profiles, created_at,"
            " expires_at, ended_at from trust.enrolment_binding order by created_at desc, id"
        ).fetchall()


def verify(  # noqa: PLR0913 -- what a binding is checked against
    connection: Connection,
    keys: BindingKeys,
    external: object,
    *,
    jwk: dict[str, Any],
    url: str,
    at: datetime,
) -> Binding:
    """Check the `externalAccountBinding` of a new account; return the binding it proves.

    Raises:
        Problem: `externalAccountRequired` when there is none, `malformed`, `unauthorized`.
    """
    if external is None:
        raise Problem("externalAccountRequired", "binding_required")
    if not isinstance(external, dict) or set(external) != {"protected", "payload", "signature"}:
        raise Problem("malformed", "binding")
    if not all(isinstance(part, str) for part in external.values()):
        raise Problem("malformed", "binding")
    header = read_object(decode(external["protected"]))
    key_id = header.get("kid")
    is_ours = header.get("alg") == "HS256" and header.get("url") == url and "nonce" not in header
    if not is_ours or not isinstance(key_id, str) or len(key_id) > 100:
        raise Problem("malformed", "binding")
    signed = f"{external['protected']}.{external['payload']}".encode()
    expected = hmac.digest(keys.of(key_id), signed, "sha256")
    binding = find(connection, key_id)
    is_proven = hmac.compare_digest(expected, decode(external["signature"]))
    if not is_proven or binding is None or not binding.is_in_force(at):
        raise Problem("unauthorized", "binding_unknown")
    if thumbprint(read_object(decode(external["payload"]))) != thumbprint(jwk):
        raise Problem("malformed", "binding")
    return binding


def authenticate(
    connection: Connection, keys: BindingKeys, identifier: str, secret: str, *, at: datetime
) -> Binding | None:
    """Return the binding whose id and key (URL-safe base64) were given; None for a stranger."""
    expected = encode(keys.of(identifier))
    binding = find(connection, identifier)
    is_proven = hmac.compare_digest(expected.encode(), secret.rstrip("=").encode())
    return binding if is_proven and binding and binding.is_in_force(at) else None
