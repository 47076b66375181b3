"""Keeping what can be had only now: directories, certificates, and what their authority says.

Years later a court asks whether the key that signed was revoked then. The node asks the
responders of the certificates in use every few hours and keeps the answers as they came; nothing
is judged here but that an answer is about the certificate. A status that cannot be had is tried
again soon; an exchange never waits for it.
"""

import asyncio
import base64
import contextlib
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.source import DirectorySource
from pencere.gateway.http.client import Pool, request_bytes
from pencere.gateway.http.outcomes import Endpoint, Failure, Reply
from pencere.gateway.log.database import GONE
from pencere.gateway.proof.reading import chain_of, is_issued_by
from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError, Unavailable
from pencere.trust import signed_json

log = logging.getLogger(__name__)
_LOOK_S = 1.0
# Whoever asks for evidence gets statuses from after the exchange; many who ask cost one round.
_FRESH_S = 5.0
_AGAIN = timedelta(minutes=5)
_LARGEST_ANSWER = 65_536
# Whose statuses matter: keys that signed since the last look, either side's.
_USED = """
select certificate from gateway.request where recorded_at >= $1
union select certificate from gateway.response where recorded_at >= $1 and certificate is not null
"""


class Keeper:
    """Keeps until stopped. Every `every` the statuses of certificates in use are asked for.

    `anchors`: PEM of the root and the authorities below it.
    """

    def __init__(
        self,
        *,
        database_url: str,
        directory: DirectorySource | None,
        anchors: Path,
        clock: Clock,
        every: timedelta,
    ) -> None:
        self._url = database_url
        self._directory = directory
        self._anchors = anchors
        self._clock = clock
        self._every = every
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._pools: dict[tuple[str, int], Pool] = {}
        self._version = 0
        self._known: dict[bytes, x509.Certificate] = {}
        self._asked_at: datetime | None = None
        self._refreshed_at: float | None = None
        self._turn = asyncio.Lock()
        self._ask_next: datetime | None = None
        self.trouble = ""

    @classmethod
    def of(cls, config: NodeConfig, directory: DirectorySource) -> "Keeper | None":
        """Return the keeper of a node; None when it keeps nothing."""
        if config.status_every is None:
            return None
        return cls(
            database_url=config.database_url,
            directory=directory,
            anchors=config.tls_anchors,
            clock=config.clock,
            every=config.status_every,
        )

    async def run(self) -> None:
        """Look once a second for a new directory, and ask for statuses when it is time."""
        while True:
            try:
                await self.look()
                self.trouble = ""
            except (*GONE, PencereError, ValueError) as problem:
                reason = str(problem) or type(problem).__name__
                if reason != self.trouble:
                    log.warning("proof_not_kept reason=%s", reason)
                self.trouble = reason
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Keep the directory if it is new, and the statuses if it is time for them."""
        newest = self._directory.newest if self._directory is not None else None
        if newest is not None and newest.version != self._version:
            await self._keep_directory(newest.version)
            self._ask_next = None
        now = self._clock.now()
        if self._ask_next is None or now >= self._ask_next:
            failed = await self.ask()
            self._ask_next = now + (min(_AGAIN, self._every) if failed else self._every)

    async def refresh(self) -> None:
        """Ask again unless that was done a moment ago; what cannot be had is left."""
        now = asyncio.get_running_loop().time()
        if self._refreshed_at is None or now - self._refreshed_at > _FRESH_S:
            with contextlib.suppress(*GONE, PencereError, ValueError):
                await self.ask()
                self._refreshed_at = now

    async def ask(self) -> int:
        """Ask for the status of every certificate in use; return how many could not be had."""
        async with self._turn:
            return await self._ask()

    async def ask_about(self, signer: x509.Certificate) -> int:
        """Ask as `ask` does, and about one certificate more."""
        await self._keep(await self._connect(), [signer])
        self._also = frozenset({signer.fingerprint(hashes.SHA256())})
        return await self.ask()

    async def _ask(self) -> int:
        connection = await self._connect()
        now = self._clock.now()
        since = (self._asked_at or now - self._every) - _AGAIN
        used = {row["certificate"] for row in await connection.fetch(_USED, since)}
        await self._load(connection)
        await self._keep(connection, self._roots())
        await self._keep_authority(connection)
        asked = used | self._above_directory | self._authority | self._also
        failed = 0
        for digest in self._with_issuers(asked):
            one = self._known[digest]
            issuer = self._issuer_of(one)
            if issuer is None:
                continue
            try:
                answer, at = await self._status(one, issuer)
            except (Unavailable, ValueError) as problem:
                log.warning("status_not_kept certificate=%s reason=%s", digest.hex()[:16], problem)
                failed += 1
                continue
            await connection.execute(
                "insert into gateway.status (certificate, answer, this_update, recorded_at)"
                " values ($1, $2, $3, $4) on conflict do nothing",
                digest, answer, at, now,
            )  # fmt: skip
        self._asked_at = now
        return failed

    async def stop(self) -> None:
        """Close connections."""
        for pool in self._pools.values():
            await pool.aclose()
        if self._connection is not None:
            with contextlib.suppress(*GONE):
                await self._connection.close(timeout=2)

    # Certificates

    _also: frozenset[bytes] = frozenset()
    _above_directory: frozenset[bytes] = frozenset()
    _authority: frozenset[bytes] = frozenset()

    async def _keep_directory(self, version: int) -> None:
        assert self._directory is not None  # noqa: S101  # it has a newer version
        connection = await self._connect()
        jws, accepted_at = self._directory.jws, self._directory.accepted_at
        await connection.execute(
            "insert into gateway.directory_version (version, jws, accepted_at)"
            " values ($1, $2, $3) on conflict do nothing",
            version, jws, accepted_at or self._clock.now(),
        )  # fmt: skip
        above = chain_of(jws)
        await self._keep(connection, [*above, *_signing(signed_json.parse(jws)[1])])
        self._above_directory = frozenset(one.fingerprint(hashes.SHA256()) for one in above)
        self._version = version

    def _roots(self) -> list[x509.Certificate]:
        """Return the authorities above the nodes; without the root nobody vouches for them."""
        try:
            return x509.load_pem_x509_certificates(self._anchors.read_bytes())
        except (OSError, ValueError):
            return []

    async def _keep_authority(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Keep the certificates that the newest time-stamp token brings along."""
        token = await connection.fetchval(
            "select token from gateway.batch order by id desc limit 1"
        )
        if token is None:
            return
        signed = cms.ContentInfo.load(token)["content"]
        carried = [x509.load_der_x509_certificate(one.dump()) for one in signed["certificates"]]
        await self._keep(connection, carried)
        self._authority = frozenset(one.fingerprint(hashes.SHA256()) for one in carried)

    async def _keep(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        certificates: Iterable[x509.Certificate],
    ) -> None:
        for one in certificates:
            digest = one.fingerprint(hashes.SHA256())
            if digest not in self._known:
                await connection.execute(
                    "insert into gateway.certificate (sha256, der, recorded_at)"
                    " values ($1, $2, $3) on conflict do nothing",
                    digest, one.public_bytes(Encoding.DER), self._clock.now(),
                )  # fmt: skip
                self._known[digest] = one

    async def _load(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        rows = await connection.fetch(
            "select sha256, der from gateway.certificate where not sha256 = any($1::bytea[])",
            list(self._known),
        )
        for row in rows:
            self._known[row["sha256"]] = x509.load_der_x509_certificate(row["der"])

    def _with_issuers(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return them and all above them that are known."""
        found: dict[bytes, None] = {}
        waiting = [one for one in digests if one in self._known]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found[one] = None
            issuer = self._issuer_of(self._known[one])
            if issuer is not None:
                waiting.append(issuer.fingerprint(hashes.SHA256()))
        return list(found)

    def _issuer_of(self, one: x509.Certificate) -> x509.Certificate | None:
        """Return who issued it, None when that is itself or not known."""
        if one.issuer == one.subject:
            return None
        return next((other for other in self._known.values() if is_issued_by(one, other)), None)

    # Asking

    async def _status(
        self, one: x509.Certificate, issuer: x509.Certificate
    ) -> tuple[bytes, datetime]:
        request = ocsp.OCSPRequestBuilder().add_certificate(one, issuer, hashes.SHA256()).build()
        answer = await self._fetch(responder_of(one), request.public_bytes(Encoding.DER))
        read = ocsp.load_der_ocsp_response(answer)
        if read.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Unavailable("ocsp.unavailable", reason=read.response_status.name)
        if read.serial_number != one.serial_number:
            raise Unavailable("ocsp.unavailable", reason="another certificate")
        if read.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            log.warning("status_revoked serial=%x", one.serial_number)
        return answer, read.this_update_utc

    async def _fetch(self, address: str, body: bytes) -> bytes:
        url = urlsplit(address)
        key = (url.hostname or "", url.port or 80)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(Endpoint(*key, max_body_bytes=_LARGEST_ANSWER))
        headers = [
            (b"host", url.netloc.encode("ascii")),
            (b"content-type", b"application/ocsp-request"),
        ]
        done: asyncio.Future[Reply | Failure] = asyncio.get_running_loop().create_future()
        data = request_bytes("POST", url.path or "/", headers, body)
        pool.send(data, is_head=False, timeout_s=10.0, done=done.set_result)
        reply = await done
        if isinstance(reply, Failure):
            raise Unavailable("ocsp.unavailable", reason=reply.trouble.value)
        if reply.status != 200:
            raise Unavailable("ocsp.unavailable", reason=f"status {reply.status}")
        return reply.small_body

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=5, command_timeout=30,
                server_settings={"application_name": "gateway-proof"},
            )  # fmt: skip
        return self._connection


def keep_now(
    *,
    database_url: str,
    anchors: Path,
    clock: Clock,
    every: timedelta,
    signer: x509.Certificate,
) -> int:
    """Ask once, from a process without a loop; return how many statuses could not be had.

    `signer`: whose status is asked for too, used lately or not.
    """

    async def ask() -> int:
        keeper = Keeper(
            database_url=database_url, directory=None, anchors=anchors, clock=clock, every=every
        )
        try:
            return await keeper.ask_about(signer)
        finally:
            await keeper.stop()

    return asyncio.run(ask())


def responder_of(certificate: x509.Certificate) -> str:
    """Return the address of the responder that a certificate names.

    Raises:
        Unavailable: `ocsp.unavailable`, it names none.
    """
    try:
        access = certificate.extensions.get_extension_for_class(
            x509.AuthorityInformationAccess
        ).value
    except x509.ExtensionNotFound as problem:
        raise Unavailable("ocsp.unavailable", reason="no responder named") from problem
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            return str(one.access_location.value)
    raise Unavailable("ocsp.unavailable", reason="no responder named")


def _signing(payload: Mapping[str, object]) -> list[x509.Certificate]:
    """Return the certificates with which the directory's nodes sign."""
    nodes = payload.get("nodes")
    assert isinstance(nodes, list)  # noqa: S101  # a directory that was taken has them
    return [
        x509.load_der_x509_certificate(base64.b64decode(one["der"]))
        for node in nodes
        for one in node["certificates"]
        if one["use"] == "sign"
    ]
