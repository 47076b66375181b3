"""Batches of the log are time-stamped; without an authority the node stops after its limit."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asn1crypto import cms
from tests.gateway.conftest import Pair, free_port, wait_until

from pencere.gateway.throwaway import make_key
from pencere.kernel.clock import SystemClock
from pencere.ledger.proofs import leaf_hash, root
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import TimeStampUnit


class Authority:
    """A time-stamping authority that may be away."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/tsa"
        self.is_away = False


@pytest.fixture
def authority() -> Iterator[Authority]:
    clock = SystemClock()
    key = make_key("tsa", clock)
    unit = TimeStampUnit(
        SoftwareSigner(key.key, (key.certificate,), Role.TIME_STAMP),
        "1.3.6.1.4.1.0.1",
        SteadyClock(clock, None),
    )
    port = free_port()
    found = Authority(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            body = b"" if found.is_away else unit.respond(asked)
            self.send_response_only(503 if found.is_away else 200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_exchange_comes_under_one_token_of_a_batch(pair: Pair, authority: Authority) -> None:
    pair.start(1, tsa_url=authority.url, stamp_every_s=0.1)
    pair.start(0)
    exchanges = {pair.ask().header("x-road-request-id") for _ in range(3)}
    waiting = (
        "select 1 from gateway.response s where not exists"
        " (select from gateway.batch_member m where m.response_seq = s.seq)"
    )
    wait_until(lambda: pair.rows(1, waiting) == [])

    names = ", ".join(f"'{one}'" for one in exchanges)
    batches = pair.rows(
        1,
        "select distinct b.id, b.root, b.token, b.size from gateway.batch b"
        " join gateway.batch_member m on m.batch = b.id"
        f" join gateway.response s on s.seq = m.response_seq where s.exchange in ({names})",
    )
    for number, tree_root, token, size in batches:
        digests = pair.rows(
            1,
            "select s.evidence_digest from gateway.batch_member m"
            " join gateway.response s on s.seq = m.response_seq"
            f" where m.batch = {number} order by m.position",
        )
        assert (len(digests), root([leaf_hash(row[0]) for row in digests])) == (size, tree_root)
        info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
        assert info["message_imprint"]["hashed_message"].native == tree_root
    assert len(batches) >= 1


def test_a_node_refuses_when_no_time_stamp_could_be_had_for_too_long(
    pair: Pair, authority: Authority
) -> None:
    authority.is_away = True
    pair.start(1)
    pair.start(0, tsa_url=authority.url, stamp_every_s=0.1, stamp_failure_limit=timedelta(hours=4))
    assert pair.ask().status == 200
    wait_until(lambda: pair.node(0).stamper is not None and _unstamped(pair))
    assert pair.ask().status == 200

    for clock in pair.clocks:
        clock.advance(timedelta(hours=4, seconds=1))
    wait_until(lambda: bool(pair.node(0).core.stamps_overdue))
    refused = pair.ask()
    assert (refused.status, refused.header("X-Road-Error")) == (
        503,
        "server.clientproxy.logging_failed",
    )

    authority.is_away = False
    wait_until(lambda: not pair.node(0).core.stamps_overdue)
    assert pair.ask().status == 200


def _unstamped(pair: Pair) -> bool:
    stamper = pair.node(0).stamper
    return stamper is not None and stamper.oldest is not None
