"""The front as callers meet it: fast, slow, hostile, and when it is told to stop."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from tests.trust.conftest import Founded, free_port

from pencere.kernel.http.message import Limits
from pencere.trust import timestamps
from pencere.trust.ocsp import MALFORMED
from pencere.trust.server import TrustConfig, create_app
from pencere.trust.server.front import Front


@asynccontextmanager
async def fronted(
    founded: Founded, limits: Limits | None = None
) -> AsyncIterator[tuple[Front, int]]:
    centre = founded.centre
    app = create_app(
        TrustConfig(
            centre.issuance, centre.keystore, centre.pki, ledger_origin=None, clock=founded.clock
        )
    )
    front = Front(app, limits=limits)
    async with app.router.lifespan_context(app):
        _, port = await front.start("127.0.0.1", 0)
        try:
            async with asyncio.timeout(5):
                while not app.state.trust.memory.is_sure:  # noqa: ASYNC110  # nothing to wait for
                    await asyncio.sleep(0.01)
            yield front, port
        finally:
            await front.stop(1)


def asked(founded: Founded, *, nonce: bytes | None = None) -> bytes:
    leaf, issuer = founded.certificate("tsa"), founded.certificate("issuing-infrastructure")
    builder = x509_ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def post(target: str, body: bytes, kind: str = "application/ocsp-request", more: str = "") -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\nHost: trust\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    ).encode() + body


async def read_one(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status.split()[1]), headers, body


async def talk(port: int, *pieces: bytes, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            return [await read_one(reader) for _ in range(count)]
    finally:
        writer.close()


def run(test: Callable[[], Coroutine[None, None, object]]) -> object:
    return asyncio.run(test())


def status_of(body: bytes) -> str:
    return x509_ocsp.load_der_ocsp_response(body).certificate_status.name


def test_the_short_way_answers_as_the_long_way_does(founded: Founded) -> None:
    async def test() -> tuple:
        async with fronted(founded) as (front, port):
            one = post("/ocsp", asked(founded, nonce=b"n" * 20))
            in_pieces = [one[:30], one[30:150], one[150:]]
            long = await talk(port, *in_pieces, count=1)
            first = await talk(port, one, count=1)
            learned = len(front.heads)
            short = await talk(port, one, one, count=2)
            return (
                learned,
                [status_of(body) for _, _, body in long + first + short],
                {headers["content-type"] for _, headers, _ in long + first + short},
            )

    assert run(test) == (1, ["GOOD"] * 4, {"application/ocsp-response"})


def test_pipelined_requests_are_answered_in_order(founded: Founded) -> None:
    stamp = timestamps.request(bytes(32), nonce=5)

    async def test() -> list:
        async with fronted(founded) as (_, port):
            whole = b"".join(
                [
                    post("/ocsp", asked(founded, nonce=b"a" * 20)),
                    post("/tsa", stamp, "application/timestamp-query"),
                    b"GET /crl/issuing-seal.crl HTTP/1.1\r\nHost: trust\r\n\r\n",
                    post("/ocsp", asked(founded)),
                ]
                * 2
            )
            return [
                (status, headers["content-type"])
                for status, headers, _ in await talk(port, whole, count=8)
            ]

    assert (
        run(test)
        == [
            (200, "application/ocsp-response"),
            (200, "application/timestamp-reply"),
            (200, "application/pkix-crl"),
            (200, "application/ocsp-response"),
        ]
        * 2
    )


def test_a_get_may_be_kept_by_caches_and_a_head_has_no_body(founded: Founded) -> None:
    text = base64.b64encode(asked(founded)).decode()
    quoted = requests.utils.quote(text, safe="")

    async def test() -> list:
        async with fronted(founded) as (_, port):
            found = []
            for path in (text, quoted):
                request = f"GET /ocsp/{path} HTTP/1.1\r\nHost: trust\r\n\r\n".encode()
                found += await talk(port, request, request, count=2)
            return found

    found = run(test)
    names = {"cache-control", "etag", "expires", "last-modified"}
    assert [names <= set(headers) for _, headers, _ in found] == [True] * 4
    assert {headers["cache-control"] for _, headers, _ in found} == {
        "max-age=300,public,no-transform,must-revalidate"
    }
    assert len({body for _, _, body in found}) == 1


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"HEAD /crl/issuing-seal.crl HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", 200),
        (b"PUT /ocsp HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET /tsa HTTP/1.1\r\nHost: t\r\n\r\n", 405),
        (b"GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n", 404),
        (b"GET /ocsp/%%% HTTP/1.1\r\nHost: t\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xff hello\r\n\r\n", 400),
        (post("/ocsp", b"x" * 20_000), 413),
        (b"POST /tsa HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999\r\n\r\n", 413),
        (post("/tsa", b"x", "text/plain"), 400),
        (b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
    ids=["head", "put", "tsa by get", "nothing", "no base64", "no host", "tls", "large", "huge",
         "kind", "head too large"],
)  # fmt: skip
def test_whatever_comes_is_told_what_is_wrong(
    founded: Founded, request_bytes: bytes, expected: int
) -> None:
    async def test() -> tuple[int, bytes]:
        async with fronted(founded) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_bytes)
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
            rest = await reader.read(len(MALFORMED)) if b"%%%" in request_bytes else b""
            writer.close()
            return int(head.split()[1]), rest

    status, rest = run(test)
    assert (status, rest) == (expected, MALFORMED if b"%%%" in request_bytes else b"")


def test_who_sends_slowly_is_cut_and_others_are_not(founded: Founded) -> None:
    limits = Limits(head_s=0.2, body_s=0.2, idle_s=30)

    async def test() -> tuple[bytes, list]:
        async with fronted(founded, limits) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /ocsp HTTP/1.1\r\nHo")
            others = await talk(port, post("/ocsp", asked(founded)), count=1)
            async with asyncio.timeout(4):
                said = await reader.read()
            writer.close()
            return said.split(b"\r\n")[0], [status for status, _, _ in others]

    assert run(test) == (b"HTTP/1.1 408 Request Timeout", [200])


def test_who_asks_for_one_answer_is_let_go(founded: Founded) -> None:
    one = post("/ocsp", asked(founded, nonce=b"c" * 20), more="Connection: close\r\n")

    async def test() -> list[bool]:
        async with fronted(founded) as (_, port):
            ended = []
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(one)
                async with asyncio.timeout(5):
                    said = await reader.read()  # to the end
                ended.append(b"connection: close" in said)
                writer.close()
            return ended

    assert run(test) == [True] * 3


def test_told_to_stop_it_answers_what_is_in_work(founded: Founded) -> None:
    async def test() -> bytes:
        async with fronted(founded) as (front, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
            await asyncio.sleep(0.005)
            stopping = asyncio.create_task(front.stop(5))
            async with asyncio.timeout(5):
                said = await reader.read()
                await stopping
            writer.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            return said.split(b" ")[1]  # and the connection has ended

    assert run(test) in (b"200", b"503")


def test_several_workers_share_a_port_and_end_together(founded: Founded, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "TRUST_TEST_CONNINFO": founded.conninfo,
        "TRUST_TEST_FOLDER": str(founded.folder),
        "TRUST_TEST_URL": f"http://127.0.0.1:{port}",
        "TRUST_WORKERS": "2",
    }
    script = Path(__file__).with_name("serve_trust.py")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        for _ in range(150):
            try:
                requests.get(f"http://127.0.0.1:{port}/openapi.json", timeout=2)
                break
            except requests.RequestException:
                time.sleep(0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        answered = []
        for _ in range(20):
            try:
                answered.append(
                    requests.post(
                        f"http://127.0.0.1:{port}/ocsp", asked(founded), timeout=5
                    ).status_code
                )
            except requests.RequestException:
                time.sleep(0.1)  # it was the one that was killed
        time.sleep(1.5)
        again = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    finally:
        process.terminate()
        process.wait(15)

    assert (len(children), set(answered), len(again), process.returncode) == (2, {200}, 2, 0), (
        tmp_path / "log"
    ).read_text()[-2000:]
