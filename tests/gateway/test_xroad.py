"""The X-Road REST protocol, sentence by sentence, through a sandbox over real sockets.

The cases are in xroad_cases.yaml; what needs more than one request or odd bytes is below.
"""

import base64
import hashlib
import itertools
import json
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from tests.conftest import Database
from tests.gateway.conftest import (
    Answer,
    Loop,
    Upstream,
    _handler,
    ask,
    exchange_bytes,
    free_port,
    read_answer,
)
from tests.servers import serving

from pencere.gateway.sandbox import Sandbox, SandboxConfig

CASES = yaml.safe_load((Path(__file__).parent / "xroad_cases.yaml").read_text(encoding="utf-8"))
STYLES = list(itertools.product(("xroad", "sensible"), ("snake", "classic")))
BASE = "/r1/AZ/GOV/10002/pop/"
CLIENT = ("X-Road-Client", "AZ/GOV/10001/portal")
OWN = ["x-road-id", "x-road-client", "x-road-service", "x-road-request-id", "x-road-request-hash"]


def _document(url: str, down: int, statuses: str, codes: str) -> dict[str, Any]:
    def service(code: str, path: str, kind: str = "REST", **more: Any) -> dict[str, Any]:
        return {
            "id": f"AZ/GOV/10002/pop/{code}", "type": kind, "url": url + path, "timeout_s": 2,
            "endpoints": [], **more,
        }  # fmt: skip

    return {
        "instance": "AZ",
        "statuses": statuses,
        "fault_codes": codes,
        "members": [
            {
                "class": "GOV", "code": "10001", "name": "Asker",
                "subsystems": ["portal", "portal2", "sub/system"],
            },
            {"class": "GOV", "code": "10002", "name": "Registry & Sons", "subsystems": ["pop"]},
            {"class": "COM", "code": "20001", "name": "Company", "subsystems": ["shop"]},
        ],
        "security_servers": [
            {"id": "AZ/GOV/10002/ss1", "serves": ["AZ/GOV/10002/pop", "AZ/COM/20001/shop"]},
            {"id": "AZ/GOV/10001/ss0", "serves": ["AZ/GOV/10001/portal"]},
        ],
        "services": [
            service("person", "", "OPENAPI", endpoints=[["GET", "/v1/persons/*"]]),
            service("open", "/base/"),
            service("öäå", "/nordic"),
            service("limited", "/limited", endpoints=[["GET", "/pub/*"], ["GET", "/secret/*"]]),
            service("off", "/off", disabled_notice="maintenance until Monday"),
            service("soapy", "/soap", "WSDL"),
            service("down", "") | {"url": f"http://127.0.0.1:{down}"},
            service("nodns", "") | {"url": "http://no-such-host.invalid"},
            service("slow", "/slow", timeout_s=1),
        ],
        "acl": [
            {
                "subject": "AZ/GOV/10001/portal", "service": "*", "endpoint": ["*", "**"],
                "except": ["limited"],
            },
            {
                "subject": "AZ/GOV/10001/sub%2Fsystem", "service": ["open", "öäå"],
                "endpoint": ["*", "**"],
            },
            {
                "subject": "AZ/GOV/10001/portal", "service": "limited",
                "endpoint": ["GET", "/pub/*"],
            },
        ],
    }  # fmt: skip


class Setting:
    """A running sandbox and its upstream."""

    def __init__(self, port: int, upstream: Upstream, down: int, statuses: str, codes: str) -> None:
        self.port, self.upstream, self.down = port, upstream, down
        self.statuses, self.codes = statuses, codes

    def code(self, side: str, classic: str, snake: str) -> str:
        if self.codes == "snake":
            return f"server.{side}proxy.{snake}"
        return f"Server.{side.capitalize()}Proxy.{classic}"

    def get(self, path: str, *headers: tuple[str, str]) -> Answer:
        return ask(self.port, "GET", BASE + path, [CLIENT, *headers])


@pytest.fixture(scope="module", params=STYLES, ids=["-".join(style) for style in STYLES])
def running(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _loop: Loop,
    databases: tuple[Database, Database],
) -> Iterator[Setting]:
    upstream = Upstream(free_port())
    statuses, codes = request.param
    file = tmp_path_factory.mktemp("sandbox") / "directory.json"
    url, down = f"http://127.0.0.1:{upstream.port}", free_port()
    file.write_text(json.dumps(_document(url, down, statuses, codes)), encoding="utf-8")
    config = SandboxConfig(
        file, free_port(), databases[0].app, databases[1].app, (free_port(), free_port())
    )

    async def make() -> Sandbox:
        sandbox = Sandbox(config)
        await sandbox.start()
        return sandbox

    sandbox = _loop.call(make())
    with serving(_handler(upstream), port=upstream.port):
        yield Setting(config.port, upstream, down, statuses, codes)
        upstream.released.set()
        _loop.call(sandbox.stop())


@pytest.fixture
def setting(running: Setting) -> Setting:
    running.upstream.calls.clear()
    running.upstream.responds = {}
    return running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["is"])
def test_case(case: dict[str, Any], setting: Setting) -> None:
    method, path = case["ask"].split(" ", 1)
    setting.upstream.responds = case.get("upstream", {})

    answer = ask(
        setting.port, method, path if path.startswith("/") else BASE + path, _sent(case),
        case["body"].encode() if "body" in case else None,
    )  # fmt: skip

    if "fault" in case:
        _check_fault(case, setting, answer)
    else:
        assert answer.status == case.get("status", 200)
        assert answer.header("X-Road-Error") is None
        if path.startswith("/r1/") or not path.startswith("/"):
            assert [name for name in OWN if answer.header(name) is None] == []
    _check_answer(case, answer)
    _check_upstream(case, setting.upstream)


def _sent(case: dict[str, Any]) -> list[tuple[str, str]]:
    sent: dict[str, Any] = {CLIENT[0]: CLIENT[1]} | case.get("with", {})
    return [
        (name, value)
        for name, values in sent.items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    ]


def _check_fault(case: dict[str, Any], setting: Setting, answer: Answer) -> None:
    code = setting.code(*case["fault"])
    assert answer.header("X-Road-Error") == code
    assert answer.status == (500 if setting.statuses == "xroad" else case["status"])
    if case["ask"].startswith("HEAD "):
        assert answer.body == b""
        return
    if "xml" in (answer.header("content-type") or ""):
        root = ET.fromstring(answer.body)  # our own answer
        told = {child.tag: child.text or "" for child in root}
        assert root.tag == "error"
    else:
        told = answer.json
    assert list(told) == ["type", "message", "detail"]
    assert told["type"] == code
    assert str(uuid.UUID(told["detail"])) == told["detail"]
    assert case.get("message", "") in told["message"]
    assert len(setting.upstream.calls) == ("upstream" in case)


def _check_answer(case: dict[str, Any], answer: Answer) -> None:
    def values(name: str) -> list[str]:
        # http.client reads header bytes as latin-1; the cases are written in UTF-8.
        return [
            value.encode("latin-1").decode("utf-8")
            for key, value in answer.headers
            if key.lower() == name.lower()
        ]

    for name, value in case.get("headers", {}).items():
        assert values(name) == [value], name
    for name, pattern in case.get("matches", {}).items():
        assert re.fullmatch(pattern, answer.header(name) or ""), name
    for name, value in case.get("not", {}).items():
        assert value not in values(name), name
    for name in case.get("absent", []):
        assert values(name) == [], name
    for name, wanted in case.get("repeated", {}).items():
        assert values(name) == wanted, name
    if "body_is" in case:
        assert answer.body.decode() == case["body_is"]
    if "kind" in case:
        assert (answer.header("content-type") or "").startswith(case["kind"])
    if "services" in case:
        listed = answer.json["service"]
        assert {one["service_code"] for one in listed} == set(case["services"])
    assert len(values("date")) == 1


def _check_upstream(case: dict[str, Any], upstream: Upstream) -> None:
    sees = case.get("sees")
    if sees is None:
        return
    call = upstream.calls[0]
    got: dict[str, list[str]] = {}
    for name, value in call.headers:
        got.setdefault(name.lower(), []).append(value.encode("latin-1").decode("utf-8"))
    assert len(upstream.calls) == sees.get("calls", 1)
    assert call.method == sees.get("method", call.method)
    assert call.target == sees.get("target", call.target)
    assert call.body.decode() == sees.get("body", call.body.decode())
    for name, wanted in sees.get("values", {}).items():
        assert got.get(name) == wanted, name
    for name in sees.get("absent", []):
        assert name not in got, name
    for name, count in sees.get("counts", {}).items():
        assert len(got.get(name, [])) == count, name


# More than one line


def test_the_hash_is_of_the_head_and_the_body_that_went_on(setting: Setting) -> None:
    body = b'{"a": 1}'
    answer = ask(
        setting.port, "POST", BASE + "open/x?y=1",
        [CLIENT, ("X-Road-Request-Hash", "AAAA"), ("User-Agent", "me"), ("X-Own", "1"),
         ("Content-Type", "application/json")],
        body,
    )  # fmt: skip

    lines = [
        "POST", f"{BASE}open/x?y=1", "X-Road-Client:AZ/GOV/10001/portal", "X-Own:1",
        "Content-Type:application/json",
        f"x-road-request-id:{answer.header('x-road-request-id')}",
        f"x-road-id:{answer.header('x-road-id')}",
    ]  # fmt: skip
    head = "".join(line + "\r\n" for line in lines).encode()
    whole = hashlib.sha512(hashlib.sha512(head).digest() + hashlib.sha512(body).digest()).digest()
    assert answer.header("x-road-request-hash") == base64.b64encode(whole).decode()


def test_without_a_body_the_hash_is_of_the_head_alone(setting: Setting) -> None:
    answer = setting.get("open/x", ("X-Road-Id", "mine"))

    lines = [
        "GET", f"{BASE}open/x", "X-Road-Client:AZ/GOV/10001/portal", "X-Road-Id:mine",
        f"x-road-request-id:{answer.header('x-road-request-id')}",
    ]  # fmt: skip
    head = "".join(line + "\r\n" for line in lines).encode()
    assert (
        answer.header("x-road-request-hash")
        == base64.b64encode(hashlib.sha512(head).digest()).decode()
    )


def test_every_exchange_has_a_number_of_its_own(setting: Setting) -> None:
    answers = [setting.get("open/x", ("X-Road-Id", "same")) for _ in range(2)]

    numbers = [answer.header("x-road-request-id") or "" for answer in answers]
    assert numbers[0] != numbers[1]
    assert [str(uuid.UUID(number)) for number in numbers] == numbers
    seen = [call.header("x-road-request-id") for call in setting.upstream.calls]
    assert seen == numbers


def test_a_head_has_the_headers_and_no_body(setting: Setting) -> None:
    setting.upstream.responds = {"headers": [["X-Total", "7"]], "body": "x"}

    raw = exchange_bytes(
        setting.port,
        f"HEAD {BASE}open/x HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n"
        "Connection: close\r\n\r\n".encode(),
    )

    head, _, rest = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"x-total: 7" in head.lower()
    assert rest == b""


def test_a_chunked_body_goes_on_whole_and_its_trailers_say_nothing(setting: Setting) -> None:
    raw = exchange_bytes(
        setting.port,
        f"POST {BASE}open/x HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n"
        "Transfer-Encoding: chunked\r\nTrailer: X-Road-Client\r\nConnection: close\r\n\r\n"
        "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n"
        "X-Road-Client: AZ/GOV/10001/sub%2Fsystem\r\nX-Road-UserId: AZ1AB2C3D\r\n\r\n".encode(),
    )

    assert raw.startswith(b"HTTP/1.1 200")
    call = setting.upstream.calls[0]
    assert (call.body, call.header("x-road-client")) == (b"abcde", CLIENT[1])
    assert call.header("x-road-userid") is None
    assert (call.header("content-length"), call.header("transfer-encoding")) == ("5", None)


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
    ],
    ids=str,
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(setting: Setting, framing: str) -> None:
    raw = exchange_bytes(
        setting.port,
        f"POST {BASE}open/x HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n{framing}\r\n\r\n"
        "abc0\r\n\r\nGET /r1/x HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    )

    assert raw.split(b" ", 2)[1] in {b"400", b"500"}
    assert raw.count(b"HTTP/1.1 ") == 1
    assert setting.upstream.calls == []


@pytest.mark.parametrize(
    "line",
    ["X-Road-Client : AZ/GOV/10001/portal", " X-Road-Client: a", "X-Own: a\r\n b", "X-Own\x00: a"],
    ids=repr,
)
def test_a_header_line_that_can_be_read_in_two_ways_is_refused(setting: Setting, line: str) -> None:
    raw = exchange_bytes(
        setting.port,
        f"GET {BASE}open/x HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n{line}\r\n"
        "Connection: close\r\n\r\n".encode(),
    )

    assert raw.split(b" ", 2)[1] in {b"400", b"500"}
    assert setting.upstream.calls == []


def test_who_waits_for_100_gets_it_and_then_the_answer(setting: Setting) -> None:
    with socket.create_connection(("127.0.0.1", setting.port), timeout=10) as connection:
        connection.sendall(
            f"POST {BASE}open/x HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n"
            "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        answer = read_answer(connection)

    assert (answer.status, setting.upstream.calls[0].body) == (200, b"abc")
    assert setting.upstream.calls[0].header("expect") is None


def test_one_connection_carries_many_requests(setting: Setting) -> None:
    one = f"GET {BASE}open/{{}} HTTP/1.1\r\nHost: a\r\n{CLIENT[0]}: {CLIENT[1]}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", setting.port), timeout=10) as connection:
        answers = []
        for name in "abc":
            connection.sendall(one.format(name).encode())
            answers.append(read_answer(connection).json["target"])

    assert answers == ["/base/a", "/base/b", "/base/c"]


def test_a_service_that_is_slow_is_an_io_error_in_time(setting: Setting) -> None:
    answer = setting.get("slow/x")

    assert answer.header("X-Road-Error") == setting.code("server", "IOError", "io_error")
    assert answer.status == (500 if setting.statuses == "xroad" else 504)


@pytest.mark.parametrize(
    ("sent", "fault", "sensible"),
    [
        (b"", ("IOError", "io_error"), 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ("IOError", "io_error"), 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", ("IOError", "io_error"), 502),
        (b"nonsense\r\n\r\n", ("IOError", "io_error"), 502),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", ("IOError", "io_error"), 502),
    ],
    ids=["nothing", "short", "length", "nonsense", "upgrade"],
)
def test_a_service_that_breaks_off_or_lies_is_an_io_error(
    sent: bytes, fault: tuple[str, str], sensible: int, setting: Setting
) -> None:
    with _one_answer(setting, sent):
        answer = setting.get("down/x")

    assert answer.header("X-Road-Error") == setting.code("server", *fault)
    assert answer.status == (500 if setting.statuses == "xroad" else sensible)


def test_an_interim_answer_and_trailers_of_a_service_are_not_the_answer(setting: Setting) -> None:
    with _one_answer(
        setting,
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nX-Own: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Late: 1\r\nX-Road-Error: e\r\n\r\n",
    ):
        answer = setting.get("down/x")

    assert (answer.status, answer.body) == (200, b"abc")
    assert [answer.header(name) for name in ("x-own", "link", "x-late", "x-road-error")] == [
        "1", None, None, None,
    ]  # fmt: skip


class _one_answer:  # noqa: N801  # used as a statement
    """Something that answers once where the fixture's service `down` is."""

    def __init__(self, setting: Setting, sent: bytes) -> None:
        self._sent = sent
        self._server = socket.create_server(("127.0.0.1", setting.down))
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "_one_answer":
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.close()
        self._thread.join()

    def _run(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(5)
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(65536)
            connection.sendall(self._sent)


def test_the_list_of_clients_in_both_forms(setting: Setting) -> None:
    as_json = ask(setting.port, "GET", "/listClients", [("Accept", "application/json")]).json
    as_xml = ET.fromstring(ask(setting.port, "GET", "/listClients").body)

    told = [
        (one["id"]["object_type"], one["id"]["member_code"], one["id"].get("subsystem_code"),
         one["name"])
        for one in as_json["member"]
    ]  # fmt: skip
    assert told == [
        ("MEMBER", "10001", None, "Asker"),
        ("SUBSYSTEM", "10001", "portal", "Asker"),
        ("SUBSYSTEM", "10001", "portal2", "Asker"),
        ("SUBSYSTEM", "10001", "sub/system", "Asker"),
        ("MEMBER", "10002", None, "Registry & Sons"),
        ("SUBSYSTEM", "10002", "pop", "Registry & Sons"),
        ("MEMBER", "20001", None, "Company"),
        ("SUBSYSTEM", "20001", "shop", "Company"),
    ]
    names = {"x": "http://x-road.eu/xsd/xroad.xsd", "i": "http://x-road.eu/xsd/identifiers"}
    listed = [
        (
            one.find("x:id", names).get(f"{{{names['i']}}}objectType"),  # type: ignore[union-attr]
            one.findtext("x:id/i:memberCode", namespaces=names),
            one.findtext("x:id/i:subsystemCode", namespaces=names),
            one.findtext("x:name", namespaces=names),
        )
        for one in as_xml
    ]
    assert listed == told


def test_a_listed_service_is_told_in_full(setting: Setting) -> None:
    listed = setting.get("listMethods").json["service"]

    assert [one for one in listed if one["service_code"] == "limited"] == [
        {
            "object_type": "SERVICE",
            "service_type": "REST",
            "xroad_instance": "AZ",
            "member_class": "GOV",
            "member_code": "10002",
            "subsystem_code": "pop",
            "service_code": "limited",
            "endpoint_list": [
                {"method": "GET", "path": "/pub/*"},
                {"method": "GET", "path": "/secret/*"},
            ],
        }
    ]
    allowed = setting.get("allowedMethods").json["service"]
    assert [one["endpoint_list"] for one in allowed if one["service_code"] == "limited"] == [
        [{"method": "GET", "path": "/pub/*"}]
    ]
