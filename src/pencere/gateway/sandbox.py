"""The sandbox: both nodes in one process, for developers who connect a system of a body.

Everything between the two is real (mutual TLS, signatures, log, rights); only the keys are made
in memory and the directory comes from a plain file: docs/explanation/gateway.md shows one.
Statuses are X-Road's exact ones unless the file says otherwise, since that is what clients
written for X-Road expect.
"""

import asyncio
import json
import secrets
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvloop
import yaml

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import FORMAT
from pencere.gateway.directory.rights import ANYBODY
from pencere.gateway.node import Node
from pencere.gateway.node_file import NodeFile, make_upstream
from pencere.gateway.throwaway import DirectoryKey, make_key
from pencere.gateway.wire.faults import FaultStyle
from pencere.gateway.wire.identifiers import canonical, encode_part
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Misconfigured

_LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class SandboxConfig:
    """Where the directory file is, where to listen, and two migrated gateway databases.

    Clients speak to `port`; the link between the nodes takes the two ports above it.
    """

    directory_file: Path
    port: int
    consumer_database_url: str
    provider_database_url: str
    link_ports: tuple[int, int] = (0, 0)

    @property
    def links(self) -> tuple[int, int]:
        """The link ports of the consumer's and the provider's node."""
        return self.link_ports if all(self.link_ports) else (self.port + 1, self.port + 2)


@dataclass(frozen=True)
class Plan:
    """A directory file, read: what each node serves and where its services are."""

    document: Mapping[str, Any]
    instance: str
    consumer: str
    provider: str
    consumer_serves: tuple[str, ...]
    provider_serves: tuple[str, ...]
    style: FaultStyle


class Sandbox:
    """Two running nodes."""

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._folder = tempfile.TemporaryDirectory(prefix="pencere-sandbox-")
        self.plan = read_plan(config.directory_file)
        self.nodes: list[Node] = []

    async def start(self) -> None:
        """Start both nodes."""
        config, plan, clock = self._config, self.plan, self._clock
        folder, key = Path(self._folder.name), DirectoryKey()
        names = (plan.consumer, plan.provider)
        keys = [make_key(name, clock) for name in names]
        files = [one.write(folder, f"node{at}") for at, one in enumerate(keys)]
        anchors = folder / "anchors.pem"
        anchors.write_bytes(b"".join(certificate.read_bytes() for certificate, _ in files))
        serves = (plan.consumer_serves, plan.provider_serves)
        entries = [
            {
                "id": names[at],
                "address": f"127.0.0.1:{config.links[at]}",
                "serves": list(serves[at]),
                "certificates": [keys[at].entry("tls"), keys[at].entry("sign")],
            }
            for at in (0, 1)
        ]
        directory = folder / "directory.jws"
        directory.write_text(key.sign(payload_of(plan, entries, clock)), encoding="ascii")
        for at, url in enumerate((config.consumer_database_url, config.provider_database_url)):
            node_file = folder / f"node{at}.json"
            node_file.write_text('{"clients": {}, "services": {}}', encoding="utf-8")
            node = Node(
                NodeConfig(
                    node=names[at],
                    database_url=url,
                    secret=secrets.token_urlsafe(32),
                    signer=keys[at],
                    tls_certificate=files[at][0],
                    tls_key=files[at][1],
                    tls_anchors=anchors,
                    node_file=node_file,
                    directory_file=directory,
                    directory_cache=folder / f"cache{at}.jws",
                    verify_directory=key.verify,
                    client_port=config.port if at == 0 else 0,
                    link_port=config.links[at],
                    style=plan.style,
                    clock=clock,
                    grace_s=2.0,
                )
            )
            node.core.node_file.current = node_file_of(plan, config.directory_file)
            self.nodes.append(node)
            await node.start()

    async def stop(self) -> None:
        """Stop both nodes and forget the keys."""
        for node in self.nodes:
            await node.stop()
        self._folder.cleanup()


def run(config: SandboxConfig) -> None:
    """Run until SIGTERM or SIGINT."""

    async def main() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        sandbox = Sandbox(config)
        await sandbox.start()
        await stopping.wait()
        await sandbox.stop()

    uvloop.run(main())


def read_plan(path: Path) -> Plan:
    """Read a directory file, JSON or YAML.

    Raises:
        Misconfigured: the key that is missing or wrong, and a valid example.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise Misconfigured(
            file=path, key="(file)", value=str(problem)[:200], example="a JSON or YAML object"
        ) from problem
    if not isinstance(document, dict):
        raise Misconfigured(file=path, key="(file)", value=document, example="an object")
    for key, example in _EXAMPLES.items():
        if not isinstance(document.get(key), type(example)):
            raise Misconfigured(file=path, key=key, value=document.get(key), example=example)
    instance = document["instance"]
    every = [identifier for identifier, _ in _subsystems(document)]
    providers = {canonical(service["id"]).rpartition("/")[0] for service in document["services"]}
    unknown = providers - set(every)
    if unknown:
        raise Misconfigured(
            file=path, key="services.id", value=sorted(unknown)[0], example=every[0] + "/service"
        )
    consumer, provider = _node_names(document, instance, providers)
    return Plan(
        document=document,
        instance=instance,
        consumer=consumer,
        provider=provider,
        consumer_serves=tuple(one for one in every if one not in providers),
        provider_serves=tuple(one for one in every if one in providers),
        style=FaultStyle(
            classic_codes=document.get("fault_codes", "snake") == "classic",
            xroad_statuses=document.get("statuses", "xroad") == "xroad",
        ),
    )


_EXAMPLES: dict[str, Any] = {
    "instance": "AZ",
    "members": [{"class": "GOV", "code": "10001", "name": "Body", "subsystems": ["portal"]}],
    "services": [
        {"id": "AZ/GOV/10001/portal/echo", "type": "REST", "url": "http://127.0.0.1:9000"}
    ],
    "acl": [{"subject": "AZ/GOV/10001/portal", "service": "*", "endpoint": ["*", "**"]}],
}


def payload_of(
    plan: Plan, nodes: Sequence[Mapping[str, Any]], clock: Clock, *, version: int = 1
) -> dict[str, Any]:
    """Return the payload of the directory that the file describes."""
    document, now = plan.document, clock.now()
    return {
        "format": FORMAT,
        "instance": plan.instance,
        "version": version,
        "issued_at": now.isoformat(),
        "expires_at": (now + _LIFETIME).isoformat(),
        "members": [
            {
                "id": f"{plan.instance}/{member['class']}/{member['code']}",
                "name": _name(member["name"]),
                "subsystems": [{"code": code} for code in member.get("subsystems", ())],
            }
            for member in document["members"]
        ],
        "nodes": list(nodes),
        "services": [
            {
                "id": service["id"],
                "type": service.get("type", "REST"),
                "endpoints": service.get("endpoints", []),
                "demands": service.get("demands", []),
                "disabled": service.get("disabled_notice"),
                "timeout_s": service.get("timeout_s", 30),
                "consent": service.get("consent"),
                # Where nothing is said, at the address itself, as X-Road's own tests have it.
                "description": service.get("description", "/"),
            }
            for service in document["services"]
        ],
        "agreements": list(_agreements(document)),
    }


def node_file_of(plan: Plan, path: Path) -> NodeFile:
    """Return the addresses of the services; clients of a sandbox need no key."""
    services = {}
    for service in plan.document["services"]:
        try:
            services[canonical(service["id"])] = make_upstream(
                service["url"], bearer=service.get("bearer"), timeout_s=service.get("timeout_s")
            )
        except (KeyError, ValueError) as problem:
            raise Misconfigured(
                file=path,
                key=f"services.{service['id']}.url",
                value=service.get("url"),
                example="http://127.0.0.1:9000",
            ) from problem
    return NodeFile(clients={}, services=services, is_open=True)


def _subsystems(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "/".join(
                encode_part(str(part))
                for part in (document["instance"], member["class"], member["code"], code)
            ),
            code,
        )
        for member in document["members"]
        for code in member.get("subsystems", ())
    ]


def _node_names(document: Mapping[str, Any], instance: str, providers: set[str]) -> tuple[str, str]:
    consumer, provider = f"{instance}/GOV/sandbox/consumer", f"{instance}/GOV/sandbox/provider"
    for server in document.get("security_servers", ()):
        if providers & {canonical(one) for one in server["serves"]}:
            provider = canonical(server["id"])
        else:
            consumer = canonical(server["id"])
    return consumer, provider


def _agreements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for number, rule in enumerate(document["acl"], 1):
        wanted = rule["service"]
        wanted = {wanted} if isinstance(wanted, str) else set(wanted)
        refused = set(rule.get("except", ()))
        for service in document["services"]:
            code = service["id"].rpartition("/")[2]
            if code in refused or not ({"*", code, service["id"]} & wanted):
                continue
            found.append(
                {
                    "id": f"acl-{number}",
                    "consumer": rule["subject"],
                    "service": service["id"],
                    "endpoints": [rule["endpoint"]],
                    "purposes": rule.get("purposes", []),
                    "legal_bases": rule.get("legal_bases", []),
                    "demands": rule.get("demands", []),
                    "represents": rule.get("represents", [ANYBODY]),
                    "from": rule.get("from"),
                    "until": rule.get("until"),
                    **{key: rule[key] for key in _TERMS if key in rule},
                }
            )
    return found


_TERMS = ("rate", "quota", "fields", "consent", "suppress")


def _name(name: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"az": name} if isinstance(name, str) else name
