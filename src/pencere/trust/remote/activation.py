"""Signature activation data (SAD): one use of one key for exactly these digests, for minutes.

Only its digest is kept. For a key of a person it also carries what opens the key, sealed so that
nothing but the data itself opens it again, and only together with the very credential, digests
and end it was given for: changing a row of the database makes it useless. Every issue, use and
refusal is a leaf of the ledger.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused
from pencere.trust.credentials import digest_of
from pencere.trust.issuance import add_leaf
from pencere.trust.remote.wrapping import WrappingKey, key_of_secret, seal, unseal
from pencere.trust.store import Connection

LIFETIME = timedelta(minutes=5)
LONGEST = timedelta(minutes=15)  # with every extension
MOST_DIGESTS = 1000
_HASH_OF_SIZE = {32: "SHA256", 48: "SHA384", 64: "SHA512"}


@dataclass(frozen=True)
class Target:
    """What activation data is for."""

    credential: str
    digests: tuple[bytes, ...]

    def __post_init__(self) -> None:
        sizes = {len(one) for one in self.digests}
        if not 1 <= len(self.digests) <= MOST_DIGESTS or len(sizes) != 1:
            raise Invalid("credential.digests")
        if not sizes <= _HASH_OF_SIZE.keys():
            raise Invalid("credential.digests")

    @property
    def hash_name(self) -> str:
        """The hash that the digests have the length of."""
        return _HASH_OF_SIZE[len(self.digests[0])]

    def about(self, expires_at: datetime) -> bytes:
        """Return the bytes that what opens a key is bound to."""
        return canonical_json(
            {
                "credential": self.credential,
                "digests": [one.hex() for one in self.digests],
                "expires": expires_at.isoformat(),
            }
        )


@dataclass(frozen=True)
class Grant:
    """Who was given activation data: the client's id, and the consent that it came of.

    `own` is the key that the credential is sealed under; a seal of a body has none here.
    """

    client: str
    own: bytes | None = None
    family: uuid.UUID | None = None
    latest_end: datetime | None = None


@dataclass(frozen=True)
class Activations:
    """Issues and uses activation data; `wrapping` may be missing where only bodies seal."""

    connection: Connection
    wrapping: WrappingKey | None
    at: datetime

    def issue(self, target: Target, grant: Grant, *, event: str = "issued") -> tuple[str, int]:
        """Return activation data and the seconds it lasts."""
        latest = grant.latest_end or self.at + LONGEST
        ends = min(self.at + LIFETIME, latest).replace(microsecond=0)
        data, sealed = secrets.token_urlsafe(32), None
        if grant.own is not None:
            key = key_of_secret(self._wrapping(), "activation", data)
            sealed = seal(key, grant.own, target.about(ends))
        self.connection.execute(
            "insert into trust.activation (sha256, credential, digests, expires_at,"
            " hash_algorithm, client, sealed, family, latest_end)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                digest_of(data),
                target.credential,
                list(target.digests),
                ends,
                target.hash_name,
                grant.client,
                sealed,
                grant.family,
                latest,
            ),
        )
        self._leaf(event, target, data, count=len(target.digests), client=grant.client)
        return data, max(int((ends - self.at).total_seconds()), 1)

    def use(self, data: str, target: Target) -> Grant:
        """Use activation data up and return what it gave; the caller signs after this.

        What this does is committed, whatever comes of it.

        Raises:
            Refused: `credential.activation`: used, expired, of another credential, or for other
                digests. In the last case it is used up all the same.
        """
        row = self.connection.execute(
            # What it held is given back once and is not there any more.
            "update trust.activation a set used_at = %s, sealed = null"
            " from (select sha256, sealed from trust.activation where sha256 = %s for update) old"
            " where a.sha256 = old.sha256 and a.credential = %s and a.used_at is null"
            " and a.expires_at > %s"
            " returning a.digests, a.expires_at, a.client, old.sealed, a.family, a.latest_end",
            (self.at, digest_of(data), target.credential, self.at),
        ).fetchone()
        self.connection.commit()
        if row is None or tuple(bytes(one) for one in row[0]) != target.digests:
            self.refused(target, data)
        _, ends, client, sealed, family, latest = row
        own = None
        if sealed is not None:
            key = key_of_secret(self._wrapping(), "activation", data)
            try:
                own = unseal(key, bytes(sealed), target.about(ends))
            except Refused:
                self.refused(target, data)
        return Grant(client or "", own, family, latest)

    def extend(
        self, data: str, credential: str, digests: tuple[bytes, ...] | None
    ) -> tuple[str, int]:
        """Return new activation data for old that is unused: the same digests, or some of them.

        Raises:
            Refused: `credential.activation`: as in `use`, or at the end of what is possible.
        """
        row = self.connection.execute(
            "select digests, latest_end from trust.activation where sha256 = %s", (digest_of(data),)
        ).fetchone()
        known = tuple(bytes(one) for one in row[0]) if row else (bytes(32),)
        target = Target(credential, known)
        wanted = known if digests is None else digests
        is_over = row is None or row[1] is None or row[1] <= self.at
        if is_over or not set(wanted) <= set(known) or len(set(wanted)) != len(wanted):
            self.refused(target, data)
        grant = self.use(data, target)
        return self.issue(Target(credential, wanted), grant, event="extended")

    def refused(self, target: Target, data: str) -> NoReturn:
        """Put a refusal on record and raise it."""
        self._leaf("refused", target, data, count=len(target.digests))
        self.connection.commit()
        raise Refused("credential.activation")

    def declined(self, target: Target, client: str, reason: str) -> None:
        """Put on record that activation data was asked for and not given; commits."""
        self._leaf(
            "declined", target, None, count=len(target.digests), client=client, reason=reason
        )
        self.connection.commit()

    def _wrapping(self) -> WrappingKey:
        if self.wrapping is None:
            raise Refused("credential.activation")
        return self.wrapping

    def _leaf(self, event: str, target: Target, data: str | None, **facts: object) -> None:
        salt = digest_of(data) if data is not None else secrets.token_bytes(32)
        digests = hashlib.sha256(salt + b"".join(target.digests)).hexdigest()
        add_leaf(
            self.connection,
            "activation",
            {
                "activation": salt.hex(),
                "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "credential": mark(target.credential, salt),
                "digests_sha256": digests,
                "event": event,
                **facts,
            },
        )


def mark(credential: str, salt: bytes) -> str:
    """Return how the public log names a credential.

    A seal of a body by its name; a person's so that only who knows the credential and the leaf
    can tell: two leaves of one person do not look alike.
    """
    if not credential.startswith("r-"):
        return credential
    return hashlib.sha256(salt + credential.encode()).hexdigest()


def withdraw(connection: Connection, family: uuid.UUID, *, at: datetime) -> None:
    """End what came of a consent and was not used."""
    connection.execute(
        "update trust.activation set used_at = %s, sealed = null"
        " where family = %s and used_at is null",
        (at, family),
    )


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete activation data that ended more than a day ago; what it opened goes at once."""
    connection.execute(
        "delete from trust.activation where expires_at < %s", (at - timedelta(days=1),)
    )
    connection.execute(
        "update trust.activation set sealed = null where expires_at < %s and sealed is not null",
        (at,),
    )
