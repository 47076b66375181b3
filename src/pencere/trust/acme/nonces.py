"""Anti-replay nonces (RFC 8555 section 6.5) that cost no row until they are used.

A nonce says when it was made and proves by its MAC that we made it; using one leaves a row,
and a second use finds it.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pencere.trust.acme.jose import decode, encode
from pencere.trust.acme.problems import Problem
from pencere.trust.store import Connection

LIFETIME = timedelta(hours=1)
_STAMP_BYTES, _RANDOM_BYTES, _MAC_BYTES = 8, 16, 16


@dataclass(frozen=True)
class Nonces:
    """Makes nonces under a key of the service."""

    key: bytes

    def make(self, at: datetime) -> str:
        """Return a fresh nonce."""
        body = int(at.timestamp()).to_bytes(_STAMP_BYTES, "big") + secrets.token_bytes(
            _RANDOM_BYTES
        )
        return encode(body + self._mac(body))

    def use(self, connection: Connection, nonce: str, at: datetime) -> None:
        """Use a nonce, once.

        Raises:
            Problem: `badNonce`; not ours, too old, or used before.
        """
        try:
            raw = decode(nonce)
        except Problem as error:
            raise Problem("badNonce", "nonce") from error
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(body) != _STAMP_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
            mac, self._mac(body)
        ):
            raise Problem("badNonce", "nonce")
        made = datetime.fromtimestamp(int.from_bytes(body[:_STAMP_BYTES], "big"), UTC)
        if not made - timedelta(minutes=1) <= at < made + LIFETIME:
            raise Problem("badNonce", "nonce")
        row = connection.execute(
            "insert into trust.acme_nonce (value, expires_at) values (%s, %s)"
            " on conflict do nothing returning true",
            (body[_STAMP_BYTES:], made + LIFETIME + timedelta(minutes=2)),
        ).fetchone()
        if row is None:
            raise Problem("badNonce", "nonce")

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key, b"nonce" + body, "sha256")[:_MAC_BYTES]


def forget_used(connection: Connection, *, at: datetime) -> None:
    """Delete nonces that would be refused for their age anyway."""
    connection.execute("delete from trust.acme_nonce where expires_at < %s", (at,))
