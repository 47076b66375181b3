"""The sandbox: its file, what it says when the file is wrong, and the how-to page's examples."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import Database
from tests.gateway.conftest import Loop, Upstream, ask, free_port, wait_until

from pencere.gateway.plan import read_plan
from pencere.gateway.sandbox import Sandbox, SandboxConfig
from pencere.kernel.errors import Misconfigured

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "connect-a-system.md"


def _block(kind: str, number: int = 0) -> str:
    found = re.findall(rf"^```{kind}\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return str(found[number])


class Box:
    """A running sandbox whose file a test may change."""

    def __init__(self, file: Path, port: int, sandbox: Sandbox) -> None:
        self.file, self.port, self.sandbox = file, port, sandbox

    def write(self, document: Any) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        new = self.file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)

    def status(self, path: str = "/r1/AZ/GOV/10002/pop/person/v1/persons/1", **named: str) -> int:
        given = {"X-Road-Client": "AZ/GOV/10001/portal", "Pencere-Purpose": "identify"} | {
            name.replace("_", "-"): value for name, value in named.items()
        }
        return ask(self.port, "GET", path, list(given.items())).status

    def checks(self) -> dict[str, bool]:
        told = ask(self.port, "GET", "/healthz").json["checks"]
        return {one["name"]: one["ok"] for one in told}


@pytest.fixture
def document(upstream: Upstream) -> dict[str, Any]:
    """The page's own file, with the address of the test's service."""
    found = yaml.safe_load(_block("yaml").replace("127.0.0.1:9100", f"127.0.0.1:{upstream.port}"))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def start(
    tmp_path: Path, loop: Loop, databases: tuple[Database, Database]
) -> Iterator[Callable[[Any], Box]]:
    running: list[Sandbox] = []

    def make(document: Any) -> Box:
        file = tmp_path / "directory.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        config = SandboxConfig(
            file, free_port(), databases[0].app, databases[1].app, (free_port(), free_port())
        )

        async def run() -> Sandbox:
            sandbox = Sandbox(config)
            running.append(sandbox)
            await sandbox.start()
            return sandbox

        return Box(file, config.port, loop.call(run()))

    yield make
    for sandbox in running:
        loop.call(sandbox.stop())


def test_the_commands_of_the_page_do_what_the_page_says(
    start: Callable[[Any], Box], document: dict[str, Any], upstream: Upstream
) -> None:
    box = start(document)
    commands = re.findall(r"^curl .*?(?:[^\\])$", _block("sh", 1), re.M | re.S)
    expected = re.findall(r"^# (\d{3})", _block("sh", 1), re.M)

    told = []
    for command in commands:
        words = shlex.split(command.replace("\\\n", " ").replace(":9000/", f":{box.port}/"))
        done = subprocess.run(
            [words[0], "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
             *words[1:]],
            capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
        told.append(done.stdout)

    assert len(told) == len(expected) >= 6
    assert told == expected
    assert len(upstream.calls) == sum(status == "200" for status in told[:4])


def test_terms_of_the_file_hold(start: Callable[[Any], Box], document: dict[str, Any]) -> None:
    document["statuses"] = "sensible"
    document["acl"] = [
        {
            "subject": "AZ/GOV/10001/portal", "service": "person",
            "endpoint": ["GET", "/v1/persons/*"], "purposes": ["identify"],
            "demands": ["case"], "quota": {"per": "month", "count": 0},
        }
    ]  # fmt: skip
    box = start(document)

    assert [
        box.status(),
        box.status(Pencere_Case="2026-1", Pencere_Purpose="other"),
        box.status(Pencere_Case="2026-1"),
    ] == [400, 403, 429]


def test_the_file_is_read_again_when_it_changes_and_a_broken_one_is_not_taken(
    start: Callable[[Any], Box], document: dict[str, Any]
) -> None:
    box = start(document)
    assert (box.status(), box.checks()["node-file"]) == (200, True)

    box.write("{")
    wait_until(lambda: not box.checks()["node-file"])
    broken = box.status()
    box.write(document | {"acl": [{"subject": 5}]})
    wait_until(lambda: "acl" in box.sandbox.nodes[0].core.node_file.trouble)
    worse = box.status()
    box.write(document | {"statuses": "sensible"})
    wait_until(lambda: "statuses" in box.sandbox.nodes[0].core.node_file.trouble)
    box.write(document | {"acl": []})
    wait_until(lambda: box.checks()["node-file"])

    assert (broken, worse, box.status()) == (200, 200, 500)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"instance": 5}, "instance"),
        ({"members": None}, "members"),
        (
            {"members": [{"class": "GOV", "name": "x", "subsystems": ["x"]}]},
            "members.0.code",
        ),
        ({"members": {}}, "members"),
        (
            {"members": [{"class": "GOV", "code": "1", "name": "x", "subsystems": [1]}]},
            "members.0.subsystems.0",
        ),
        ({"services": [{"type": "REST"}]}, "services.0.id"),
        ({"services": [{"id": "AZ/GOV/1", "url": "http://a"}]}, "services.0.id"),
        (
            {"services": [{"id": "AZ/GOV/1/a/b", "url": "http://a", "timeout_s": "2"}]},
            "services.0.timeout_s",
        ),
        ({"acl": [{"subject": "AZ/GOV/1/a", "service": "*"}]}, "acl.0.endpoint"),
        (
            {"acl": [{"subject": "AZ/GOV/1/a", "service": "*", "endpoint": ["GET"]}]},
            "acl.0.endpoint",
        ),
        (
            {"acl": [{"subject": "AZ/GOV/1/a", "service": 5, "endpoint": ["*", "**"]}]},
            "acl.0.service",
        ),
        (
            {
                "acl": [
                    {
                        "subject": "AZ/GOV/1/a",
                        "service": "*",
                        "endpoint": ["*", "**"],
                        "quota": {"per": "week", "count": 1},
                    }
                ]
            },
            "acl.0.quota.per",
        ),
        ({"services": [{"id": "AZ/GOV/1/none/x", "url": "http://a"}]}, "services.id"),
        (
            {"services": [{"id": "AZ/GOV/%zz/none/x", "url": "http://a"}]},
            "services.id",
        ),
        ({"security_servers": [{"id": 5}]}, "security_servers.0.serves"),
    ],
    ids=str,
)
def test_a_wrong_file_says_which_key(
    tmp_path: Path, document: dict[str, Any], changes: dict[str, Any], key: str
) -> None:
    file = tmp_path / "directory.json"
    file.write_text(json.dumps(document | changes), encoding="utf-8")

    with pytest.raises(Misconfigured) as caught:
        read_plan(file)

    assert caught.value.facts["key"] == key
