"""The cases of the exchange protocol, over real sockets, through the sandbox."""

import base64
import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Database
from tests.gateway.conftest import SHARED, Answer, Loop, Upstream, ask, free_port

from pencere.gateway.sandbox import Sandbox, SandboxConfig

_CASES = SHARED / "exchange_cases.json"
_FIXTURE = SHARED / "exchange_fixture.json"
pytestmark = pytest.mark.skipif(
    not _CASES.exists(), reason="the folder ../shared with the exchange cases is not here"
)
CASES = json.loads(_CASES.read_text())["cases"] if _CASES.exists() else []
STYLES = {"xroad-snake": ("xroad", "snake"), "sensible-classic": ("sensible", "classic")}


class Setting:
    """A running sandbox and its upstream."""

    def __init__(self, port: int, upstream: Upstream, statuses: str, codes: str) -> None:
        self.port = port
        self.upstream = upstream
        self.statuses = statuses
        self.codes = codes


@pytest.fixture(params=STYLES.values(), ids=STYLES)
def setting(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    upstream: Upstream,
    loop: Loop,
    databases: tuple[Database, Database],
) -> Iterator[Setting]:
    statuses, codes = request.param
    document = json.loads(_FIXTURE.read_text())
    document |= {"statuses": statuses, "fault_codes": codes}
    for service in document["services"]:
        service["url"] = service["url"].replace(
            "http://upstream.test:8000", f"http://127.0.0.1:{upstream.port}"
        )
    file = tmp_path / "directory.json"
    file.write_text(json.dumps(document))
    config = SandboxConfig(
        file,
        free_port(),
        databases[0].app,
        databases[1].app,
        (free_port(), free_port()),
    )

    async def make() -> Sandbox:
        sandbox = Sandbox(config)
        await sandbox.start()
        return sandbox

    sandbox = loop.call(make())
    yield Setting(config.port, upstream, statuses, codes)
    upstream.released.set()
    loop.call(sandbox.stop())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case: dict[str, Any], setting: Setting) -> None:
    sent = case["request"]
    body = sent["body"].encode() if "body" in sent else None
    if "body_base64" in sent:
        body = base64.b64decode(sent["body_base64"])
    setting.upstream.responds = case.get("upstream_responds", {})

    started = time.monotonic()
    answer = ask(
        setting.port, sent["method"], sent["path"], [tuple(pair) for pair in sent["headers"]], body
    )
    took_s = time.monotonic() - started

    expected = case["expected"]
    is_fault = "error_type" in expected
    if setting.statuses == "xroad":
        assert answer.status == expected["status_xroad"]
    elif is_fault:
        assert answer.status >= 400
    else:
        assert answer.status in expected["status_any"]
    assert took_s < expected.get("max_seconds", 5)
    code = expected.get("error_type", {}).get(setting.codes, "")
    _check_answer(answer, expected, code)
    if is_fault:
        assert answer.header("X-Road-Error") == code
    calls = setting.upstream.calls
    if "upstream_called" in expected:
        assert len(calls) == (1 if expected["upstream_called"] else 0)
    if "upstream_sees" in expected:
        _check_upstream(setting.upstream, expected["upstream_sees"])


def _check_answer(  # noqa: C901, PLR0912
    answer: Answer, expected: dict[str, Any], code: str
) -> None:
    for name in expected.get("headers_present", []):
        assert answer.header(name) is not None, name
    for name in expected.get("headers_absent", []):
        assert answer.header(name) is None, name
    for name, value in expected.get("headers_equal", {}).items():
        assert answer.header(name) == value.replace("{error_type}", code), name
    for name, value in expected.get("headers_not_equal", {}).items():
        assert answer.header(name) != value, name
    for name, pattern in expected.get("headers_match", {}).items():
        assert re.match(pattern, answer.header(name) or ""), name
    for value in expected.get("header_value_absent", []):
        assert value not in [found for _, found in answer.headers]
    if "content_type_starts_with" in expected:
        assert (answer.header("content-type") or "").startswith(
            expected["content_type_starts_with"]
        )
    if "body_equal" in expected:
        assert answer.body.decode() == expected["body_equal"]
    if "body_sha256" in expected:
        assert hashlib.sha256(answer.body).hexdigest() == expected["body_sha256"]
    if "body_json_keys" in expected:
        assert sorted(answer.json) == sorted(expected["body_json_keys"])
    if expected.get("body_type_equals_header"):
        assert answer.json["type"] == answer.header("X-Road-Error")
    if expected.get("detail_is_uuid"):
        assert str(uuid.UUID(answer.json["detail"])) == answer.json["detail"]
    if "message_contains" in expected:
        assert expected["message_contains"] in answer.json["message"]
    for wanted in expected.get("json_contains", {}).get("member", []):
        assert wanted in answer.json["member"]


def _check_upstream(upstream: Upstream, sees: dict[str, Any]) -> None:
    call = upstream.calls[0]
    assert call.method == sees.get("method", call.method)
    assert call.target == sees.get("target", call.target)
    assert call.body.decode("latin-1") == sees.get("body", call.body.decode("latin-1"))
    if "body_sha256" in sees:
        assert hashlib.sha256(call.body).hexdigest() == sees["body_sha256"]
    for name in sees.get("headers_present", []):
        assert call.header(name) is not None, name
    for name in sees.get("headers_absent", []):
        assert call.header(name) is None, name
    for name, value in sees.get("headers_equal", {}).items():
        assert call.header(name) == value, name
    for name, value in sees.get("headers_not_equal", {}).items():
        assert call.header(name) != value, name
