"""Who asks, and who answers: information systems and services proved by certificates and keys."""

import base64
import json
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.gateway.conftest import (
    CLIENT_KEY,
    SERVICE,
    Answer,
    Pair,
    free_port,
    head_bytes,
    headers,
    read_answer,
    wait_until,
)

from pencere.gateway.clients import parse_entry
from pencere.gateway.node_file import client_key_digest, read_node_file
from pencere.gateway.throwaway import ThrowawayKey, make_key
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured

PORTAL = "AZ/GOV/idda/portal"
CLOCK = SystemClock()
KEY = client_key_digest(CLIENT_KEY)


def _der(key: ThrowawayKey) -> str:
    return base64.b64encode(key.certificate.public_bytes(Encoding.DER)).decode()


def _write(pair: Pair, at: int, **content: Any) -> None:
    whole = {"clients": {}, "services": {}} | content
    file = pair.folder / f"{at}.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(whole))
    new.replace(file)


def _ask_tls(
    pair: Pair, port: int, shown: ThrowawayKey | None, *, key: str | None = None,
    version: ssl.TLSVersion | None = None,
) -> Answer | str:  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cafile=str(pair.anchors))
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    if version is not None:
        context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(*map(str, shown.write(pair.folder, "client")))
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain) as connection,
        ):
            connection.sendall(head_bytes("POST", SERVICE + "/query", headers(key=key), b"{}"))
            return read_answer(connection)
    except (ssl.SSLError, ConnectionError, OSError) as problem:
        return type(problem).__name__


def _told(answer: Answer | str) -> tuple[int, str | None]:
    assert isinstance(answer, Answer), answer
    return answer.status, answer.header("X-Road-Error")


REFUSED = (401, "server.clientproxy.ssl_authentication_failed")
OK = (200, None)


def test_a_system_proves_itself_by_its_pinned_certificate(pair: Pair) -> None:
    own, other = make_key("portal", CLOCK), make_key("other", CLOCK)
    _write(pair, 0, clients={
        PORTAL: {"certificates": [_der(own)]},
        "AZ/GOV/idda/other": {"certificates": [_der(other)]},
    })  # fmt: skip
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)

    assert _told(_ask_tls(pair, port, own)) == OK
    assert _told(_ask_tls(pair, port, own, version=ssl.TLSVersion.TLSv1_2)) == OK
    assert _told(_ask_tls(pair, port, other)) == REFUSED
    assert _told(_ask_tls(pair, port, None)) == REFUSED
    assert _told(pair.ask(headers(key=None))) == REFUSED
    assert _told(pair.ask()) == REFUSED
    # One that nobody signed and nobody pinned does not get through the handshake.
    assert isinstance(_ask_tls(pair, port, make_key("stranger", CLOCK)), str)


def test_a_certificate_of_the_nodes_authority_may_be_pinned_by_its_digest(pair: Pair) -> None:
    issued = pair.keys[1]  # leads to the anchors, as one of the centre does
    _write(pair, 0, clients={PORTAL: {"certificates": [issued.entry("tls")["sha256"]]}})
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)

    assert _told(_ask_tls(pair, port, issued)) == OK
    assert _told(_ask_tls(pair, port, pair.keys[0])) == REFUSED


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"connection": "HTTP"}, (OK, OK, OK)),
        ({"connection": "HTTPS NOAUTH"}, (REFUSED, OK, OK)),
        ({"connection": "HTTP", "key": KEY}, (OK, OK, REFUSED)),
        ({"connection": "HTTPS NOAUTH", "key": KEY}, (REFUSED, OK, REFUSED)),
        (KEY, (OK, OK, REFUSED)),
        (client_key_digest("another"), (REFUSED, REFUSED, REFUSED)),
    ],
    ids=["http", "noauth", "http-key", "noauth-key", "digest", "wrong"],
)
def test_connection_types_of_a_client(
    pair: Pair, entry: object, expected: tuple[object, ...]
) -> None:
    _write(pair, 0, clients={PORTAL: entry})
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)

    told = (
        _told(pair.ask()),
        _told(_ask_tls(pair, port, None, key=CLIENT_KEY)),
        _told(_ask_tls(pair, port, None)),
    )

    assert told == expected


def test_certificate_and_key_are_both_asked_for_where_both_are_named(pair: Pair) -> None:
    own = make_key("portal", CLOCK)
    both = {"certificates": [_der(own)], "key": KEY}
    _write(pair, 0, clients={PORTAL: both})
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)

    assert _told(_ask_tls(pair, port, own, key=CLIENT_KEY)) == OK
    assert _told(_ask_tls(pair, port, own, key="wrong")) == REFUSED
    assert _told(_ask_tls(pair, port, None, key=CLIENT_KEY)) == REFUSED


def test_a_certificate_is_pinned_and_let_go_while_the_node_runs(pair: Pair) -> None:
    first, second = make_key("first", CLOCK), make_key("second", CLOCK)
    _write(pair, 0, clients={PORTAL: {"certificates": [_der(first)]}})
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)
    assert _told(_ask_tls(pair, port, first)) == OK

    _write(pair, 0, clients={PORTAL: {"certificates": [_der(second)]}})
    source = pair.node(0).core.node_file
    pinned = parse_entry({"certificates": [_der(second)]}).pinned
    wait_until(lambda: source.current.clients[PORTAL].pinned == pinned)

    assert _told(_ask_tls(pair, port, second)) == OK
    assert _told(_ask_tls(pair, port, first)) == REFUSED


@pytest.mark.parametrize(
    "entry",
    [
        5,
        "abc",
        {"connection": "FTP"},
        {"connection": "HTTPS"},
        {"certificates": []},
        {"certificates": "x"},
        {"certificates": ["!"]},
        {"certificates": ["AAAA"]},
        {"connection": "HTTP", "key": "00"},
        {"connection": "HTTP", "kee": "00"},
    ],
    ids=str,
)
def test_an_impossible_client_is_named_and_not_taken(tmp_path: Path, entry: object) -> None:
    file = tmp_path / "node.json"
    file.write_text(json.dumps({"clients": {PORTAL: entry}, "services": {}}))

    with pytest.raises(Misconfigured) as caught:
        read_node_file(file)

    assert caught.value.facts["key"] == f"clients.{PORTAL}"


# Services


class _TlsService:
    """A service over https that answers who it was asked by."""

    def __init__(self, folder: Path, key: ThrowawayKey, callers: Path) -> None:
        self.port, self.seen = free_port(), list[bytes | None]()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*map(str, key.write(folder, "service")))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_verify_locations(cafile=str(callers))
        self._context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._server.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self.seen.append(connection.getpeercert(binary_form=True))
                    got = b""
                    while b"\r\n\r\n" not in got:
                        part = connection.recv(65536)
                        if not part:
                            break
                        got += part
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                    )
            except OSError:
                continue

    def close(self) -> None:
        self._server.close()


def test_the_node_shows_itself_to_a_service_and_believes_only_its_certificate(pair: Pair) -> None:
    own, other = make_key("service", CLOCK), make_key("service", CLOCK)
    service = _TlsService(pair.folder, own, pair.anchors)
    url = f"https://127.0.0.1:{service.port}"

    def serve(**entry: object) -> None:
        _write(pair, 1, services={"AZ/GOV/mia/population": {"url": url, **entry}})

    serve(certificates=[_der(own)])
    pair.start()
    first = pair.ask()
    source = pair.node(1).core.node_file
    answers = []
    for entry in ({"certificates": [_der(other)]}, {"ca": _der(other)}, {}):
        before = source.current
        serve(**entry)
        wait_until(lambda before=before: source.current is not before)  # type: ignore[misc]
        answers.append(_told(pair.ask()))
    service.close()

    node = pair.keys[1].certificate.public_bytes(Encoding.DER)
    assert (first.status, first.body, service.seen[:1]) == (200, b"ok", [node])
    assert answers == [(401, "server.serverproxy.ssl_authentication_failed")] * 3


def test_certificates_of_a_service_without_tls_are_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    entry = {"url": "http://127.0.0.1:1", "certificates": ["ab" * 32]}
    file.write_text(json.dumps({"clients": {}, "services": {"AZ/GOV/mia/population": entry}}))

    with pytest.raises(Misconfigured):
        read_node_file(file)
