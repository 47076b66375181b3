"""Time-stamps over the log: RFC 3161, one token for a batch.

Every answered exchange is a leaf of a batch's Merkle tree (RFC 9162); the authority stamps the
root. So its load depends on the number of nodes, not of messages, and a token proves when each
exchange existed. While the authority is away the batch grows; when it has been away too long
the node carries nothing more. The authority's time also judges the node's own clock: when
nothing waits for a stamp, one over random bytes is asked for.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from asn1crypto import tsp

from pencere.gateway.config import TokenVerifier
from pencere.gateway.http.addresses import endpoint_of
from pencere.gateway.http.client import Pool, request_bytes
from pencere.gateway.http.outcomes import Failure, Reply
from pencere.gateway.log.database import GONE
from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError, Refused, Unavailable
from pencere.ledger.proofs import leaf_hash, root
from pencere.trust.timestamps import request as time_stamp_request

log = logging.getLogger(__name__)
_LARGEST = 10_000
# Commits of several writers may show out of order; looking this far back finds the late ones.
_LOOK_BACK = 100_000
# The clock is compared so often, every few seconds while it is wrong, and at once after a jump.
_COMPARE_S = 60.0
_HURRY_S = 2.0
_WRONG = timedelta(seconds=30)
_JUMP_S = 5.0

_PENDING = """
select s.seq, s.evidence_digest from gateway.response s
where s.seq > (select coalesce(max(response_seq), 0) - $1 from gateway.batch_member)
    and not exists (select from gateway.batch_member m where m.response_seq = s.seq)
order by s.seq limit $2
"""
_OLDEST = """
select min(s.recorded_at) from gateway.response s
where s.seq > (select coalesce(max(response_seq), 0) - $1 from gateway.batch_member)
    and not exists (select from gateway.batch_member m where m.response_seq = s.seq)
"""


class Stamper:
    """Stamps batches until stopped."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        database_url: str,
        tsa_url: str,
        clock: Clock,
        verify: TokenVerifier | None,
        every_s: float,
        failure_limit: timedelta,
        anchors: Path | None = None,
    ) -> None:
        self._anchors = anchors
        self._url = database_url
        self._tsa = urlsplit(tsa_url)
        self._clock = clock
        self._verify = verify
        self._every_s = every_s
        self._failure_limit = failure_limit
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._pool: Pool | None = None
        self.oldest: datetime | None = None
        # By how much the authority was ahead of this node, for who looks next.
        self.clock_off: timedelta | None = None
        self._compared: tuple[float, datetime, timedelta] | None = None
        self._woken = asyncio.Event()
        self.trouble = ""

    @property
    def overdue(self) -> str:
        """Why the node may carry nothing, or an empty text."""
        if self.oldest is None or self._clock.now() - self.oldest <= self._failure_limit:
            return ""
        hours = self._failure_limit.total_seconds() / 3600
        return f"no time-stamp could be had for {hours:g} h: {self.trouble or 'unknown reason'}"

    @property
    def unstamped_s(self) -> float:
        """Age of the oldest exchange without a time-stamp."""
        return (self._clock.now() - self.oldest).total_seconds() if self.oldest else 0.0

    async def run(self) -> None:
        """Stamp every `every_s` seconds; what failed is tried again with the next."""
        while True:
            try:
                while await self.stamp() == _LARGEST:
                    pass
                if self._is_to_compare():
                    await self._token(secrets.token_bytes(32))
                self.trouble = ""
            except (*GONE, PencereError) as problem:
                self.trouble = str(problem) or type(problem).__name__
                log.warning("time_stamp_failed reason=%s", self.trouble)
                await self._note_oldest()
            await self._pause()

    def notice_jump(self) -> None:
        """Compare the clock at once when it moved otherwise than time did."""
        if self._compared is None:
            return
        then_s, then, _ = self._compared
        passed_s = (self._clock.now() - then).total_seconds()
        if abs(passed_s - (time.monotonic() - then_s)) > _JUMP_S:
            self._compared = None
            self._woken.set()

    def _is_to_compare(self) -> bool:
        if self._compared is None:
            return True
        then_s, _, off = self._compared
        return abs(off) > _WRONG or time.monotonic() - then_s >= _COMPARE_S

    async def _pause(self) -> None:
        is_wrong = self._compared is not None and abs(self._compared[2]) > _WRONG
        wait_s = min(self._every_s, _HURRY_S) if is_wrong else self._every_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        self._woken.clear()

    async def stamp(self) -> int:
        """Stamp one batch; return its size, 0 when nothing waits."""
        connection = await self._connect()
        rows = await connection.fetch(_PENDING, _LOOK_BACK, _LARGEST)
        if not rows:
            self.oldest = None
            return 0
        tree_root = root([leaf_hash(row["evidence_digest"]) for row in rows])
        token, at = await self._token(tree_root)
        async with connection.transaction():
            batch = await connection.fetchval(
                "insert into gateway.batch (size, root, token, stamped_at, recorded_at)"
                " values ($1, $2, $3, $4, $5) returning id",
                len(rows), tree_root, token, at, self._clock.now(),
            )  # fmt: skip
            await connection.execute(
                "insert into gateway.batch_member (response_seq, batch, position)"
                " select seq, $1, at - 1 from unnest($2::bigint[]) with ordinality as m (seq, at)",
                batch,
                [row["seq"] for row in rows],
            )
        log.info("batch_stamped batch=%s size=%s", batch, len(rows))
        self.oldest = None
        return len(rows)

    async def stop(self) -> None:
        """Close connections."""
        if self._pool is not None:
            await self._pool.aclose()
        if self._connection is not None:
            with contextlib.suppress(*GONE):
                await self._connection.close(timeout=2)

    async def _note_oldest(self) -> None:
        with contextlib.suppress(*GONE):
            connection = await self._connect()
            self.oldest = await connection.fetchval(_OLDEST, _LOOK_BACK)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=5, command_timeout=30,
                server_settings={"application_name": "gateway-stamps"},
            )  # fmt: skip
        return self._connection

    async def _token(self, digest: bytes) -> tuple[bytes, datetime]:
        nonce, before = secrets.randbits(63), self._clock.now()
        reply = await self._ask(time_stamp_request(digest, nonce=nonce))
        if reply.status != 200:
            raise Unavailable("timestamp.unavailable", status=reply.status)
        token, at = _read_token(reply.small_body, digest, nonce, self._verify)
        after = self._clock.now()
        # Its time lies between the question and the answer.
        self.clock_off = at - after if at > after else min(at - before, timedelta(0))
        self._compared = (time.monotonic(), after, self.clock_off)
        return token, at

    async def _ask(self, body: bytes) -> Reply:
        if self._pool is None:
            self._pool = Pool(endpoint_of(self._tsa, self._anchors, max_body_bytes=65536))
        done: asyncio.Future[Reply | Failure] = asyncio.get_running_loop().create_future()
        headers = [
            (b"host", self._tsa.netloc.encode("ascii")),
            (b"content-type", b"application/timestamp-query"),
        ]
        data = request_bytes("POST", self._tsa.path or "/", headers, body)
        self._pool.send(data, is_head=False, timeout_s=10.0, done=done.set_result)
        reply = await done
        if isinstance(reply, Failure):
            raise Unavailable("timestamp.unavailable", reason=reply.trouble.value)
        return reply


def _read_token(
    answer: bytes, digest: bytes, nonce: int, verify: TokenVerifier | None
) -> tuple[bytes, datetime]:
    """Return the token and its time, if it is over this digest and answers this request."""
    try:
        response = tsp.TimeStampResp.load(answer)
        status = response["status"]["status"].native
        if status not in {"granted", "granted_with_mods"}:
            raise Unavailable("timestamp.rejected", status=status)
        token = response["time_stamp_token"]
        info = token["content"]["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]
        is_ours = (
            imprint["hash_algorithm"]["algorithm"].native == "sha256"
            and imprint["hashed_message"].native == digest
            and info["nonce"].native == nonce
        )
        at: datetime = info["gen_time"].native
        encoded: bytes = token.dump()
    except (ValueError, TypeError, KeyError) as problem:
        raise Refused("timestamp.malformed") from problem
    if not is_ours:
        raise Refused("timestamp.differs")
    if verify is not None:
        verify(encoded, digest)
    return encoded, at
