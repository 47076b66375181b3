"""What must hold at the end: whatever a client saw answered stands in both logs, signed, once."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from pencere.cli.soak.load import body_of
from pencere.cli.soak.world import CONSUMER, PROVIDER, World, read_lines
from pencere.gateway.wire import evidence

_GROUP = 2_000
_ROWS = """
select r.exchange, r.side, r.message_id,
    r.head_digest as request_head, r.body_digest as request_body,
    r.evidence as request_evidence, s.outcome, s.status, s.head_digest as response_head,
    s.body_digest as response_body, s.evidence as response_evidence,
    exists (select from gateway.batch_member m where m.response_seq = s.seq) as is_stamped
from gateway.request r left join gateway.response s
    on s.exchange = r.exchange and s.side = r.side
where r.side = %s and r.exchange = any(%s)
"""
_OPEN = """
select count(*) from gateway.request r where not exists
    (select from gateway.response s where s.exchange = r.exchange and s.side = r.side)
"""


@dataclass(frozen=True)
class Found:
    """Counts of what was checked; the last seven are zero when all is well."""

    asked: int
    answered: int
    refused: dict[str, int]
    lost: int
    calls: int
    stamped: int
    open_requests: int
    missing: int
    not_matching: int
    not_as_seen: int
    not_authentic: int
    doubled: int
    unserved: int

    @property
    def broken(self) -> dict[str, int]:
        """How often each promise was broken."""
        return {
            "every exchange that a client saw answered is in both logs": self.missing,
            "both logs have the same statements and the same signatures of it": self.not_matching,
            "the signatures of both nodes verify with keys of the directory": self.not_authentic,
            "it is byte for byte what the client sent and got": self.not_as_seen,
            "it has a time-stamp on both sides": self.answered - self.stamped,
            "the service did what was answered": self.unserved,
            "nothing was done twice": self.doubled,
            "no request is left without an end in either log": self.open_requests,
        }

    @property
    def is_sound(self) -> bool:
        """Whether every promise was kept."""
        return self.answered > 0 and not any(self.broken.values())


def check(world: World, loads: int) -> Found:
    """Compare what clients saw with both logs and with what the service did."""
    seen = [one for number in range(loads) for one in read_lines(world.folder / f"seen{number}")]
    whole = [one for one in seen if one.get("status") == 200]
    answered = {one["exchange"]: one for one in whole}
    calls = Counter(one["nonce"] for one in read_lines(world.calls))
    keys = world.signing_keys
    bad: Counter[str] = Counter()
    stamped = 0
    for group in _groups(list(answered)):
        logs = [_rows(world.database_url(at), side, group) for at, side in enumerate(_SIDES)]
        for exchange in group:
            rows = [log.get(exchange) for log in logs]
            if rows[0] is None or rows[1] is None:
                bad["missing"] += 1
                continue
            bad[_judge(exchange, rows[0], rows[1], keys)] += 1
            bad["not_as_seen"] += not all(_is_as_seen(one, answered[exchange]) for one in rows)
            stamped += all(row is not None and row["is_stamped"] for row in rows)
    return Found(
        asked=len(seen),
        answered=len(whole),
        refused=dict(Counter(one["fault"] for one in seen if one.get("status", 200) != 200)),
        lost=sum("lost" in one for one in seen),
        calls=calls.total(),
        stamped=stamped,
        open_requests=sum(_open(world.database_url(at)) for at in (0, 1)),
        missing=bad["missing"],
        not_matching=bad["not_matching"],
        # Two answers under one number are in no log as they were seen.
        not_as_seen=bad["not_as_seen"]
        + sum(not one["same"] for one in whole)
        + len(whole)
        - len(answered),
        not_authentic=bad["not_authentic"],
        doubled=sum(count > 1 for count in calls.values()),
        unserved=sum(not calls[one["nonce"]] for one in whole),
    )


_SIDES = ("consumer", "provider")


def _judge(exchange: str, ours: dict[str, Any], theirs: dict[str, Any], keys: Any) -> str:
    for part in ("request_evidence", "response_evidence"):
        if ours[part] is None or theirs[part] is None or bytes(ours[part]) != bytes(theirs[part]):
            return "not_matching"
    if not (ours["outcome"] == theirs["outcome"] == "answered"):
        return "not_matching"
    request: bytes | None = None
    for kind, signer, receiver in (
        ("request", CONSUMER, PROVIDER), ("response", PROVIDER, CONSUMER)
    ):  # fmt: skip
        proof = evidence.parse_evidence(bytes(ours[f"{kind}_evidence"]))
        statements = [
            evidence.Statement(
                kind=kind,
                exchange=exchange,
                signer=signer,
                receiver=receiver,
                certificate=proof.certificate,
                time=proof.time,
                head=bytes(row[f"{kind}_head"]),
                body=_bytes(row[f"{kind}_body"]),
                request=request,
                form=proof.form,
            )
            for row in (ours, theirs)
        ]
        if statements[0] != statements[1]:
            return "not_matching"
        key = keys.get(proof.certificate)
        if key is None or not evidence.verify(statements[0], proof, key):
            return "not_authentic"
        request = evidence.statement_digest(statements[0])
    return "sound"


def _is_as_seen(row: dict[str, Any] | None, seen: dict[str, Any]) -> bool:
    """Compare a row with what the client sent; the service answers with what it was sent."""
    digest = hashlib.sha512(body_of(seen["nonce"])).digest()
    return row is not None and (
        row["message_id"], _bytes(row["request_body"]), _bytes(row["response_body"])
    ) == (seen["nonce"], digest, digest)  # fmt: skip


def _rows(url: str, side: str, exchanges: list[str]) -> dict[str, dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(_ROWS, (side, [UUID(one) for one in exchanges])).fetchall()
    return {str(row["exchange"]): row for row in rows}


def _open(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(_OPEN).fetchone()
    return int(row[0]) if row is not None else 0


def _groups(every: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(every), _GROUP):
        yield every[at : at + _GROUP]


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def any_open(world: World) -> bool:
    """Say whether a request of either log has not been ended yet."""
    return any(_open(world.database_url(at)) for at in (0, 1))


def unstamped(world: World) -> bool:
    """Say whether an answer of either log still waits for its time-stamp."""
    text = (
        "select exists (select from gateway.response s where s.outcome = 'answered' and not exists"
        " (select from gateway.batch_member m where m.response_seq = s.seq))"
    )
    for at in (0, 1):
        with psycopg.connect(world.database_url(at)) as connection:
            row = connection.execute(text).fetchone()
        if row is None or row[0]:
            return True
    return False
