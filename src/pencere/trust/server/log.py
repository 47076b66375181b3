"""`/log/...`: the public log of the centre, and notices for those who asked to be told.

Reading is open to everyone and may be kept by any cache. Watch keys and subscriptions are for
the office's and the portal's channel only.
"""

import base64
import hmac

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, Missing, Refused
from pencere.kernel.identifiers import parse_fin
from pencere.ledger import reading
from pencere.ledger.proofs import consistency_ranges, inclusion_ranges
from pencere.ledger.store import newest_checkpoint, range_hashes
from pencere.ledger.tiles import Tile
from pencere.trust import holders, notices
from pencere.trust.server.bodies import bearer_of, read_json, text_of, uuid_of
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
SHORTLY = {"Cache-Control": "public, max-age=2"}
_LARGEST = 1 << 62


async def checkpoint(request: Request) -> Response:
    """Give the newest signed head of the log."""
    state = state_of(request)
    found = await state.database(newest_checkpoint)
    return PlainTextResponse(found.note, headers=SHORTLY)


async def key(request: Request) -> Response:
    """Give the public key that signs the heads; compare it with one had from elsewhere."""
    public = state_of(request).config.keystore.public_key("ledger")
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Response(pem, media_type="application/x-pem-file", headers=SHORTLY)


async def tile(request: Request) -> Response:
    """Give a tile or an entry bundle (C2SP tlog-tiles)."""
    wanted = Tile.parse(request.path_params["path"])
    content = await state_of(request).database(lambda connection: reading.tile(connection, wanted))
    return Response(content, media_type="application/octet-stream", headers=FOREVER)


async def entries(request: Request) -> Response:
    """Give entries as JSON, 256 at most, for people who look."""
    start, end = _number(request, "start"), _number(request, "end")

    def work(connection: Connection) -> list[tuple[int, str, bytes]]:
        return reading.entries(connection, start, reading.check_range(connection, start, end))

    found = await state_of(request).database(work)
    content = [
        {"index": index, "kind": kind, "entry": entry.decode()} for index, kind, entry in found
    ]
    return JSONResponse({"entries": content}, headers=SHORTLY)


async def inclusion(request: Request) -> Response:
    """Prove that a leaf, by index or hash, is in the tree of a size."""
    size = _number(request, "size", least=1)
    given = request.query_params.get("hash")
    index = None if given is not None else _number(request, "index")
    leaf = None if given is None else _hash(given)

    def work(connection: Connection) -> tuple[int, list[bytes]]:
        _refuse_unsigned(connection, size)
        at = index if index is not None else _index_of(connection, leaf)
        if not 0 <= at < size:
            raise Missing("proof.index")
        ranges = inclusion_ranges(at, size)
        known = range_hashes(connection, set(ranges))
        return at, [known[part] for part in ranges]

    at, proof = await state_of(request).database(work)
    return JSONResponse({"index": at, "size": size, "proof": _texts(proof)}, headers=FOREVER)


async def consistency(request: Request) -> Response:
    """Prove that the tree of one size is the beginning of that of another."""
    first, second = _number(request, "first"), _number(request, "second")

    def work(connection: Connection) -> list[bytes]:
        _refuse_unsigned(connection, second)
        if first > second:
            raise Invalid("log.range", size=second)
        ranges = consistency_ranges(first, second)
        known = range_hashes(connection, set(ranges))
        return [known[part] for part in ranges]

    proof = await state_of(request).database(work)
    content = {"first": first, "second": second, "proof": _texts(proof)}
    return JSONResponse(content, headers=FOREVER)


async def watch(request: Request) -> Response:
    """Give a person or body the watch key by which they find their entries."""
    state = _channel(request)
    holder = _holder(state, text_of(await read_json(request), "holder"))
    found = holders.watch_key(state.config.issuance.digest_key, holder)
    return JSONResponse({"handle": found.hex()}, headers={"Cache-Control": "no-store"})


async def subscribe(request: Request) -> Response:
    """Tell a holder from now on of certificates in their name."""
    state, content = _channel(request), await read_json(request)
    holder, channel = _holder(state, text_of(content, "holder")), _channel_name(content)
    found = await state.database(
        lambda connection: notices.subscribe(connection, holder, channel, at=state.clock.now())
    )
    return JSONResponse({"id": str(found)}, 201)


async def find_subscription(request: Request) -> Response:
    """Say whether a holder is told."""
    state, content = _channel(request), await read_json(request)
    holder, channel = _holder(state, text_of(content, "holder")), _channel_name(content)
    found = await state.database(lambda connection: notices.find(connection, holder, channel))
    return JSONResponse({"id": None if found is None else str(found)})


async def unsubscribe(request: Request) -> Response:
    """Tell them no more."""
    state, content = _channel(request), await read_json(request)
    identifier, channel = uuid_of(content.get("id"), "id"), _channel_name(content)
    await state.database(
        lambda connection: notices.unsubscribe(
            connection, identifier, channel, at=state.clock.now()
        )
    )
    return JSONResponse({"id": str(identifier)})


async def news(request: Request) -> Response:
    """Give the notices of a channel from a leaf of the log on."""
    state, start = _channel(request), _number(request, "after")
    channel = _channel_name(dict(request.query_params))
    found, following = await state.database(
        lambda connection: notices.since(connection, start, channel)
    )
    content = {"notices": [one.as_json() for one in found], "next": following}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _channel(request: Request) -> State:
    state = state_of(request)
    secret, given = state.config.ra_secret, bearer_of(request)
    if secret is None or not hmac.compare_digest(secret.encode(), given.encode()):
        raise Refused("ra.channel")
    return state


def _channel_name(content: object) -> str:
    assert isinstance(content, dict)  # noqa: S101 -- read_json gives nothing else
    name = text_of(content, "channel", longest=40)
    if not name.isascii() or not name.isalpha():
        raise Invalid("request.field", field="channel")
    return name


def _holder(state: State, given: str) -> str:
    """Return the holder's identifier in certificates: of a FIN, or as it is given."""
    country = state.authority.country
    if given.startswith(f"NTR{country}-") and len(given) <= 70:
        return given
    return f"PNO{country}-{parse_fin(given.removeprefix(f'PNO{country}-'))}"


def _number(request: Request, name: str, *, least: int = 0) -> int:
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Invalid("request.field", field=name)
    number = int(text)
    if not least <= number < _LARGEST:
        raise Invalid("request.field", field=name)
    return number


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError as error:
        raise Invalid("request.field", field="hash") from error
    if len(found) != 32:
        raise Invalid("request.field", field="hash")
    return found


def _index_of(connection: Connection, leaf: bytes | None) -> int:
    row = connection.execute(
        "select min(index) from ledger.leaf where leaf_hash = %s", (leaf,)
    ).fetchone()
    if row is None or row[0] is None:
        raise Missing("proof.leaf")
    return int(row[0])


def _refuse_unsigned(connection: Connection, size: int) -> None:
    """No proof for a tree that was not signed for yet: it could still be another one."""
    if size > newest_checkpoint(connection).size:
        raise Missing("log.size")


def _texts(proof: list[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in proof]


routes = [
    Route("/log/checkpoint", checkpoint, name="log_checkpoint"),
    Route("/log/key", key, name="log_key"),
    Route("/log/tile/{path:path}", tile, name="log_tile"),
    Route("/log/entries", entries, name="log_entries"),
    Route("/log/proof/inclusion", inclusion, name="log_inclusion"),
    Route("/log/proof/consistency", consistency, name="log_consistency"),
    Route("/log/watch", watch, methods=["POST"], name="log_watch"),
    Route("/log/subscriptions", subscribe, methods=["POST"], name="log_subscribe"),
    Route("/log/subscriptions/query", find_subscription, methods=["POST"], name="log_subscribed"),
    Route("/log/subscriptions/end", unsubscribe, methods=["POST"], name="log_unsubscribe"),
    Route("/log/notices", news, name="log_notices"),
]
