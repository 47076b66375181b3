"""Writes that are events: kept with the write, handed over in order, until the node has them."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.registers.conftest import Sea

from pencere.kernel.errors import Conflict, Misconfigured
from pencere.registers.lint import load_registers
from pencere.registers.outbox import EventPort, Outbox
from pencere.registers.records import Operation
from pencere.registers.writing import write

EVENTS = """events:
  licence-given: {when: [create], fields: [gear]}
  licence-ended: {when: [amend], becomes: ends, fields: [ends]}
  licence-annulled: {when: [annul], fields: [number]}
"""
KEPT = "select system, type, key, person, data::text from registers.event_outbox order by id"


@dataclass
class Port:
    """Stands for the port of a node: takes or refuses, and remembers."""

    url: str
    status: int = 202
    taken: list[tuple[str, dict[str, str], object]] = field(default_factory=list)


@pytest.fixture
def port() -> Iterator[Port]:
    found = Port("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.status == 202:
                found.taken.append((self.path, dict(self.headers.items()), json.loads(body)))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def licence(sea: Sea) -> Path:
    file: Path = sea.country.folder / "registers" / "sea" / "fishing-licence.yaml"
    file.write_text(file.read_text(encoding="utf-8").rstrip() + "\n" + EVENTS, encoding="utf-8")
    return file


@pytest.mark.anyio
async def test_a_write_keeps_its_event_in_the_same_transaction(sea: Sea) -> None:
    async with sea.open() as registers:
        record = await sea.granted(registers)
        with pytest.raises(Conflict):
            await sea.granted(registers)
        ended = Operation("amend", "ends", record=record.id, version=1, data={
            **record.data, "ends": "2027-01-01"})  # fmt: skip
        [after] = await write(registers, sea.licence, sea.caller(), [ended])
        same = Operation("amend", "gear", record=record.id, version=2, data={
            **after.data, "gear": "net"})  # fmt: skip
        await write(registers, sea.licence, sea.caller(), [same])
        away = Operation("annul", "lost", record=record.id, version=3)
        await write(registers, sea.licence, sea.caller(), [away])
    kept = [(row["type"], row["person"], row["data"]) for row in await sea.sql(KEPT)]
    assert kept == [
        ("licence-given", sea.meri, '{"gear": "rod"}'),
        ("licence-ended", sea.meri, '{"ends": "2027-01-01"}'),
        ("licence-annulled", sea.meri, '{"number": "A-50"}'),
    ]


@pytest.mark.anyio
async def test_events_stay_until_the_node_has_them(sea: Sea, port: Port) -> None:
    async with sea.open() as registers:
        record = await sea.granted(registers)
        [row] = await sea.sql(KEPT)
        system = row["system"]
        outbox = Outbox(registers, EventPort(port.url, "IS/GOV", {system: "key"}))
        async with httpx.AsyncClient(base_url=port.url) as node:
            port.status = 503
            assert await outbox.hand_over(node) == (0, True)
            port.status = 202
            assert await outbox.hand_over(node) == (1, False)
            assert await outbox.hand_over(node) == (0, False)
    [(path, headers, data)] = port.taken
    assert (path, data) == ("/events/licence-given", {"gear": "rod"})
    assert headers["X-Road-Client"] == f"IS/GOV/{system}"
    assert headers["Pencere-Person"] == sea.meri
    assert headers["Idempotency-Key"] == f"{sea.licence}/{record.id}/1/licence-given"
    assert await sea.sql(KEPT) == []


@pytest.mark.parametrize("wrong", ["when: [sold]", "when: [create], fields: [colour]"])
def test_an_event_of_a_field_or_operation_that_is_none_is_refused(
    sea: Sea, licence: Path, wrong: str
) -> None:
    text = licence.read_text(encoding="utf-8").replace("when: [create], fields: [gear]", wrong)
    licence.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured):
        load_registers(sea.country)
