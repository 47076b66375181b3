"""From a change in a register to the inbox of who must know, through processes as they run.

Two nodes and the registers, each a process; systems, agreements and keys are the country's own.
"""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.cli.gateway_world import (
    AGENCIES,
    FORKS,
    PORTAL,
    World,
    entry_of,
    node_keystore,
)
from tests.documents.conftest import trust_centre  # noqa: F401 - a fixture
from tests.gateway.conftest import Upstream
from tests.gateway.court import RegisterKey

from pencere import client
from pencere.cli.boot.gateway import served, write_node_files
from pencere.cli.doctor.events import check_events
from pencere.cli.roles.nodes import NODES
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock, local_date
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.web.stateregister.domain.exchange_data import ExchangeData, read_exchange

pytestmark = pytest.mark.timeout(240)

REGISTERS = "registers"
MOVED = "AZ/GOV/bpqmi/population/residence-changed"
BORN, DIED = "AZ/GOV/bpqmi/population/person-born", "AZ/GOV/bpqmi/population/person-died"
ACQUIRED, TRANSFERRED = "AZ/GOV/dyp/dyp/vehicle-acquired", "AZ/GOV/dyp/dyp/vehicle-transferred"


class State(World):
    """The two nodes with the country's directory, and its registers behind the agencies' node."""

    def __init__(self, *given: Any) -> None:
        self.country = Country.load("az")
        self._clients: dict[str, client.Client] = {}
        super().__init__(*given)
        write_node_files(self.installation, self.country)
        self._drop(REGISTERS)
        make_databases(self.installation, (REGISTERS,))
        migrate_databases(self.installation, (REGISTERS,))

    def _publish(self) -> None:
        now, systems = SystemClock().now(), served(self.country)
        nodes = []
        for node in NODES:
            der = node_keystore(self.installation, node).certificates("node")[0]
            entry = entry_of(self.installation, node, "", der)
            nodes.append(entry | {"serves": systems[node.role]})
        content = directory_of(read_exchange(self.country), nodes, now)
        jws = RegisterKey(self.centre).sign(content)
        (self.installation.run / "directory.jws").write_text(jws, encoding="ascii")

    def start(self, *roles: str) -> None:
        if REGISTERS in roles:
            process = FORKS.Process(target=serve_registers, args=(self._named(),))
            process.start()
            self.processes[REGISTERS] = process
            self.wait(lambda: self.healthy(REGISTERS), 60)
        nodes = [role for role in roles if role != REGISTERS]
        if nodes:
            super().start(*nodes)

    def close(self) -> None:
        for one in self._clients.values():
            one.close()
        super().close()
        self._drop(REGISTERS)

    def kill(self, role: str) -> None:
        process = self.processes.pop(role)
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    def speaks(self, system: str) -> client.Client:
        """Give the client of a system at its own node."""
        if system not in self._clients:
            is_portal = system == "idda/portal"
            name = "portal" if is_portal else system.replace("/", "-")
            self._clients[system] = client.Client(
                self.installation.address(PORTAL if is_portal else AGENCIES),
                client.Identity(f"AZ/GOV/{system}", self.installation.secret(f"client/{name}")),
            )
        return self._clients[system]

    def purpose(self, code: str, fin: str, *, case: str = "", user: str = "system") -> Any:
        basis = self.country.purpose(code).basis
        return client.Purpose(code=code, legal_basis=basis, case=case, person=fin, user=user)

    def create(self, system: str, register: str, code: str, data: dict[str, Any]) -> Any:
        """Record something through the gateway, as a system does; return the record."""
        fin, day = data["fin"], local_date(SystemClock().now()).isoformat()
        answer = self.speaks(system).request(
            "POST", f"AZ/GOV/{register}", "/records",
            purpose=self.purpose(code, fin, case="TEST-1"),
            body={"valid_from": day, "reason": code, "data": data},
        )  # fmt: skip
        assert answer.status == 201, answer.body
        return answer.json()

    def change(self, system: str, register: str, code: str, record: Any, **changes: Any) -> Any:
        """Amend a record, or annul it when nothing is changed."""
        operation = {"id": record["id"], "version": record["version"], "reason": code}
        operation |= {"op": "annul"}
        if changes:
            operation |= {"op": "amend", "data": record["data"] | changes}
        answer = self.speaks(system).request(
            "POST", f"AZ/GOV/{register}", "/transactions",
            purpose=self.purpose(code, record["data"]["fin"], case="TEST-1"),
            body={"operations": [operation]},
            idempotency_key=f"{record['id']}-{record['version']}",
        )  # fmt: skip
        assert answer.status == 200, answer.body
        return answer.json()["records"][0]

    def arrived(self, system: str, type_: str, number: int = 0, *, count: int = 1) -> list[Any]:
        """Wait until so many events came behind a number; give them."""
        speaking = self.speaks(system)
        self.wait(lambda: len(speaking.events_after(type_, number)) >= count, 60)
        return list(speaking.events_after(type_, number))

    def usages(self, keeper: str, fin: str) -> list[dict[str, Any]]:
        """What the person is told of accesses to their data at a keeper of it."""
        answer = self.speaks("idda/portal").request(
            "POST", f"AZ/GOV/{keeper}/findUsage", "",
            purpose=self.purpose("my-data", fin, user=fin), body={},
        )  # fmt: skip
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json()["usages"]
        return found


def directory_of(data: ExchangeData, nodes: list[Any], now: Any) -> dict[str, Any]:
    state = f"{data.instance}/{data.member_class}"
    members: dict[str, Any] = {}
    for system in data.systems.values():
        name = {"az": system.body}
        member = members.setdefault(
            system.body, {"id": f"{state}/{system.body}", "name": name, "subsystems": []}
        )
        member["subsystems"].append({"code": system.code, "name": name})
    agreements = []
    for one in data.agreements:
        said: dict[str, Any] = {
            "id": one.id,
            "consumer": f"{state}/{one.consumer}",
            "service": f"{state}/{one.provider}/{one.service_code}",
            "endpoints": [list(pair) for pair in one.endpoints],
            "purposes": list(one.purposes),
            "legal_bases": list(one.legal_bases),
            "demands": list(one.demands),
            "from": one.first_day.isoformat(),
            "until": one.last_day.isoformat(),
        }
        if one.fields:
            said["fields"] = list(one.fields)
        if one.suppress:
            said["suppress"] = dict(one.suppress)
        if one.consent:
            said["consent"] = True
        agreements.append(said)
    return {
        "format": "pencere-directory/1",
        "instance": data.instance,
        "version": 1,
        "issued_at": now.isoformat(),
        "expires_at": now.replace(year=now.year + 1).isoformat(),
        "members": list(members.values()),
        "nodes": nodes,
        "services": [
            {
                "id": f"{state}/{one.id}",
                "type": "REST",
                "endpoints": [list(pair) for pair in one.endpoints],
                "demands": list(one.demands),
                "timeout_s": 10,
            }
            for one in data.services.values()
        ],
        "agreements": agreements,
        "consent_register": data.consent_register,
    }


def serve_registers(environment: dict[str, str]) -> None:
    from pencere.cli.roles import registers

    os.environ.update(environment)
    registers.serve(Installation.from_environment())


@pytest.fixture(scope="module")
def state(postgres, trust_centre, tmp_path_factory) -> Iterator[State]:  # noqa: F811
    made = State(tmp_path_factory.mktemp("state"), postgres, trust_centre, Upstream(0))
    try:
        made.start(AGENCIES, PORTAL)
        made.start(REGISTERS)
        yield made
    finally:
        made.close()


def person(fin: str, **changes: Any) -> dict[str, Any]:
    return {
        "fin": fin, "family": "Sınaq", "given": "Aytən", "patronymic": "Elçin", "sex": "female",
        "born": "2026-11-20", "birth_region": "AZ-BA", "citizenship": "AZ", **changes,
    }  # fmt: skip


def residence(fin: str) -> dict[str, Any]:
    return {
        "fin": fin, "kind": "permanent", "region": "AZ-BA", "street": "Nizami", "house": "1",
        "address_line": "Bakı, Nizami 1", "since": "2026-11-20",
    }  # fmt: skip


def vehicle(fin: str) -> dict[str, Any]:
    return {
        "fin": fin, "plate": "10-AA-001", "vin": "1HGBH41JXMN109186", "make": "LADA",
        "model": "2107", "year": 2009, "registered": "2026-11-20",
    }  # fmt: skip


def test_a_change_of_address_reaches_the_portal_and_the_person_sees_both_accesses(
    state: State,
) -> None:
    fin = "1MERA11"
    state.create("idda/portal", "bpqmi/population/residence", "correct-my-data", residence(fin))
    [event] = state.arrived("idda/portal", MOVED)
    state.speaks("idda/portal").acknowledge(MOVED, event.number)

    assert (event.publisher, event.person, event.data) == (
        "AZ/GOV/bpqmi/population", fin, {"kind": "permanent", "region": "AZ-BA"},
    )  # fmt: skip
    [written] = state.usages("bpqmi/population", fin)
    [told] = state.usages("idda/portal", fin)
    assert (written["receiverCode"], written["action"], written["purpose"]) == (
        "idda", "POST /records", "correct-my-data",
    )  # fmt: skip
    assert (told["receiverCode"], told["receiverSystem"], told["service"]) == (
        "bpqmi", "population", "AZ/GOV/idda/portal/deliverEvent",
    )  # fmt: skip
    assert (told["action"], told["purpose"], told["legalBasis"]) == (
        "POST /residence-changed", "my-data", "ferdi-melumatlar-haqqinda",
    )  # fmt: skip


def test_a_birth_and_a_death_reach_who_must_know_by_law(state: State) -> None:
    fin, register = "2JHAN22", "bpqmi/population/person"
    state.create("justice/civil-status", register, "register-birth", person(fin))
    known = state.speaks("justice/civil-status").request(
        "POST", f"AZ/GOV/{register}", "/query",
        purpose=state.purpose("register-death", fin, case="TEST-1"), body={"by": {"fin": fin}},
    ).json()["records"][0]  # fmt: skip
    state.change("justice/civil-status", register, "register-death", known, died="2026-11-21")

    for subscriber, type_, said in (
        ("dsmf/payments", BORN, {"born": "2026-11-20"}),
        ("its/insured", BORN, {"born": "2026-11-20"}),
        ("dsmf/payments", DIED, {"died": "2026-11-21"}),
        ("its/insured", DIED, {"died": "2026-11-21"}),
        ("dyp/dyp", DIED, {"died": "2026-11-21"}),
    ):
        [event] = state.arrived(subscriber, type_)
        assert (event.number, event.person, event.data) == (1, fin, said)


def test_a_sold_vehicle_is_told_of_both_owners(state: State) -> None:
    old, new = "3AAAA33", "4BBBB44"
    office, register = "dyp/registration", "dyp/dyp/vehicle"
    made = state.create(office, register, "register-vehicle", vehicle(old))
    state.change(office, register, "transfer-vehicle", made)
    state.create(office, register, "transfer-vehicle", vehicle(new))

    [left] = state.arrived("sts/taxpayers", TRANSFERRED)
    [taken] = state.arrived("sts/taxpayers", ACQUIRED)

    assert (left.person, left.data) == (old, {"plate": "10-AA-001"})
    assert (taken.person, taken.data) == (new, {"plate": "10-AA-001"})


def test_what_is_written_while_the_node_is_away_arrives_once_after_the_registers_were_killed(
    state: State,
) -> None:
    fin = "5CCCC55"
    last = max(one.number for one in state.arrived("idda/portal", MOVED))
    state.stop(AGENCIES)
    behind_the_node(state, "population/residence", "correct-my-data", residence(fin))
    key = "select key from registers.event_outbox"
    kept = state.rows(REGISTERS, key)
    state.kill(REGISTERS)
    state.start(AGENCIES)
    state.start(REGISTERS)

    [event] = state.arrived("idda/portal", MOVED, last)
    state.wait(lambda: state.rows(REGISTERS, key) == [])

    assert len(kept) == 1
    assert (event.number, event.person) == (last + 1, fin)


def test_an_event_that_the_node_never_takes_is_dead_until_an_operator_gives_it_up(
    state: State,
) -> None:
    fin, publisher = "6DDDD66", state.speaks("bpqmi/population")
    last = max(one.number for one in state.arrived("idda/portal", MOVED))
    [(record,)] = state.rows(REGISTERS, "select max(id) from registers.record")
    key = f"population/residence/{record + 1}/1/residence-changed"
    # As after a restore of the registers from a backup: the node knows the key for another event.
    publisher.publish("residence-changed", {"kind": "temporary"}, key=key)
    state.create("idda/portal", "bpqmi/population/residence", "correct-my-data", residence(fin))
    state.wait(lambda: state.told("register", "events")[0] == 1, 60)

    told = json.loads(state.told("register", "events", "--json")[1])
    reason = "409 server.clientproxy.message_conflict"
    assert [(one["key"], one["reason"], one["attempts"]) for one in told["dead"]] == [
        (key, reason, 1)
    ]
    ill, ways = check_events(state.installation, SystemClock())
    assert (ill.ok, ways.ok) == (False, True)
    assert ill.detail == f"1: residence-changed {reason} (1); see: pencere register events"
    health = httpx.get(f"{state.installation.address(REGISTERS)}/healthz").json()
    assert {"name": "events", "ok": True, "detail": "0 waiting, 1 dead"} in health["checks"]
    assert state.told("register", "again", "nothing") == (
        1, "pencere register: event.not_dead\n  key: nothing\n",
    )  # fmt: skip
    assert state.told("register", "again", key) == (0, "1 sent again\n")
    state.wait(lambda: state.told("register", "events")[0] == 1, 60)
    assert state.told("register", "withdraw", key, "--reason", "told by letter") == (0, "")
    assert state.told("register", "events")[0] == 0
    assert [one.ok for one in check_events(state.installation, SystemClock())] == [True, True]
    [other] = state.arrived("idda/portal", MOVED, last)
    assert (other.person, other.data) == ("", {"kind": "temporary"})


def behind_the_node(state: State, register: str, code: str, data: dict[str, Any]) -> None:
    """Write as the node asks, when the node itself is not there to ask."""
    answer = httpx.post(
        f"{state.installation.address(REGISTERS)}/v1/{register}/records",
        json={"valid_from": "2026-11-20", "reason": code, "data": data},
        headers={
            "Authorization": f"Bearer {state.installation.secret(REGISTERS)}",
            "X-Road-Client": "AZ/GOV/idda/portal",
            "X-Road-Id": "exchange-1",
            "Pencere-Purpose": code,
            "Pencere-Legal-Basis": state.country.purpose(code).basis,
            "Pencere-Person": data["fin"],
        },
    )
    assert answer.status_code == 201, answer.text
