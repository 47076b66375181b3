"""Where a node gives evidence: to its own systems at `/asic`, to other members' by `getEvidence`.

Putting a container together reads the log and asks for a time-stamp, so it is done in a thread;
few at a time, since an exchange matters more than its evidence.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

from pencere.gateway.config import NodeConfig
from pencere.gateway.keys import NodeKeys
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.proof.asic import MEDIA_TYPE, Maker
from pencere.gateway.proof.container import PARTS, Choices, make
from pencere.gateway.proof.exchange import ExchangeProof
from pencere.gateway.proof.kept import Keeper
from pencere.gateway.proof.reading import Log, find, load, with_present
from pencere.gateway.wire.faults import Fault, Kind, Side
from pencere.gateway.wire.head import Headers
from pencere.kernel.errors import Missing, PencereError
from pencere.trust.stamping import TimeStampClient

log = logging.getLogger(__name__)
_AT_ONCE = 2
_MOST_WAITING = 32

Answer = tuple[int, Headers, bytes]
Done = Callable[[Answer | Fault], None]


class EvidenceDesk:
    """Gives containers of exchanges to those who took part in them."""

    def __init__(
        self, config: NodeConfig, keys: NodeKeys, sealer: Sealer, keeper: Keeper | None
    ) -> None:
        self._config = config
        self._keys = keys
        self._sealer = sealer
        self._keeper = keeper
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="evidence")
        self._waiting = 0
        self._lock = threading.Lock()

    def give(self, side: Side, number: str, party: str, choices: Choices, done: Done) -> None:
        """Give the container of an exchange in which the subsystem `party` took part."""
        if self._waiting >= _MOST_WAITING:
            raise Fault(side, Kind.OVERLOADED, "many ask for evidence just now; ask again")
        self._waiting += 1
        task = asyncio.get_running_loop().create_task(self._give(side, number, party, choices))

        def tell(finished: "asyncio.Task[bytes]") -> None:
            self._waiting -= 1
            if finished.cancelled():
                return
            problem = finished.exception()
            if problem is None:
                name = f'attachment; filename="{_file_name(number)}.asice"'.encode("ascii")
                headers = [
                    (b"content-type", MEDIA_TYPE.encode("ascii")), (b"content-disposition", name),
                ]  # fmt: skip
                done((200, headers, finished.result()))
            else:
                done(_fault_of(side, problem))

        task.add_done_callback(tell)

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _give(self, side: Side, number: str, party: str, choices: Choices) -> bytes:
        if self._keeper is not None:
            await self._keeper.refresh()
        loop = asyncio.get_running_loop()
        wanted = "consumer" if side is Side.CLIENT else "provider"
        return await loop.run_in_executor(self._threads, self._make, number, party, wanted, choices)

    def _make(self, number: str, party: str, side: str, choices: Choices) -> bytes:
        config, signer = self._config, self._keys.current.signer
        stamp = TimeStampClient(config.tsa_url).token if config.tsa_url else None
        key = config.ledger_key.read_bytes() if config.ledger_key is not None else b""
        known = Log(config.database_url, config.ledger_origin, key)
        with known.connect() as connection:
            try:
                found = load(connection, known, find(connection, number))
            except Missing:
                if config.archive is None:
                    raise
                found = config.archive(number)
            proof = with_present(connection, _of_party(found, party, side), signer.certificate)
        return make(
            proof,
            self._sealer,
            Maker(signer, stamp),
            node=config.node,
            at=config.clock.now(),
            choices=choices,
        )


def _of_party(found: list[ExchangeProof], party: str, side: str) -> ExchangeProof:
    """Return the proof; of an exchange of others nobody learns that it is there."""
    for one in sorted(found, key=lambda one: one.side != side):
        if party in {one.facts["consumer"], one.facts["provider"]}:
            return one
    raise Missing("exchange.unknown")


def choices_of(query: str) -> tuple[str, Choices]:
    """Read `queryId=...&part=request&bodies=no`, X-Road's own options among them.

    Raises:
        ValueError: it cannot be read.
    """
    given = parse_qs(query, keep_blank_values=True, strict_parsing=True, max_num_fields=8)
    known = {"queryId", "xRoadInstance", "memberClass", "memberCode", "subsystemCode", "part",
             "bodies", "requestOnly", "responseOnly", "unique"}  # fmt: skip
    if given.keys() - known or any(len(values) != 1 for values in given.values()):
        raise ValueError("an unknown or repeated option")
    values = {key: found[0] for key, found in given.items()}
    parts: tuple[str, ...] = PARTS
    if "requestOnly" in values or values.get("part") == "request":
        parts = ("request",)
    if "responseOnly" in values or values.get("part") == "response":
        parts = ("response",)
    if values.get("part", "request") not in PARTS or values.get("bodies", "yes") not in _YES_NO:
        raise ValueError("part is request or response, bodies is yes or no")
    return values["queryId"], Choices(parts, values.get("bodies") != "no")


def choices_of_json(body: bytes) -> tuple[str, Choices]:
    """Read `{"exchange": ..., "parts": [...], "bodies": true}`, the body of `getEvidence`.

    Raises:
        ValueError: it cannot be read.
    """
    given = json.loads(body)
    if not isinstance(given, dict) or given.keys() - {"exchange", "parts", "bodies"}:
        raise ValueError("an object with exchange, parts, bodies is needed")
    number, parts = given.get("exchange"), given.get("parts", list(PARTS))
    bodies = given.get("bodies", True)
    if not isinstance(number, str) or not number or type(bodies) is not bool:
        raise ValueError("exchange is a text, bodies true or false")
    if not isinstance(parts, list) or not parts or set(parts) - set(PARTS):
        raise ValueError("parts are request, response")
    return number, Choices(tuple(parts), bodies)


_YES_NO = frozenset({"yes", "no"})


def _file_name(number: str) -> str:
    return "".join(one for one in number if one.isascii() and (one.isalnum() or one in "-_"))[:80]


def _fault_of(side: Side, problem: BaseException) -> Fault:
    if isinstance(problem, Missing):
        return Fault(
            side,
            Kind.UNKNOWN_EXCHANGE,
            "no exchange of yours has this number here. Give its X-Road-Id or X-Road-Request-Id",
        )
    log.warning("evidence_failed reason=%s", problem if isinstance(problem, PencereError) else
                type(problem).__name__)  # fmt: skip
    return Fault(
        side, Kind.EVIDENCE_UNAVAILABLE, "the evidence cannot be put together now; ask again"
    )
