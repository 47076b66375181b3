"""The sandbox: both nodes in one process, for developers who connect a system of a body.

Everything between the two is real (mutual TLS, signatures, log, rights); only the keys are made
in memory and the directory comes from a plain file (`gateway.plan`), read again when it changes.
"""

import asyncio
import logging
import secrets
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import build
from pencere.gateway.node import Node
from pencere.gateway.plan import Plan, node_file_of, payload_of, read_plan
from pencere.gateway.throwaway import DirectoryKey, ThrowawayKey, make_key
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, Misconfigured

log = logging.getLogger(__name__)
_LOOK_S = 0.5


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


class Sandbox:
    """Two running nodes."""

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._folder = tempfile.TemporaryDirectory(prefix="pencere-sandbox-")
        self.plan = read_plan(config.directory_file)
        self.nodes: list[Node] = []
        self._version = 0
        self._stamp = _stat(config.directory_file)
        self._directory_key = DirectoryKey()
        self._keys: list[ThrowawayKey] = []
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start both nodes."""
        config, plan, clock = self._config, self.plan, self._clock
        folder, key = Path(self._folder.name), self._directory_key
        names = (plan.consumer, plan.provider)
        keys = self._keys = [make_key(name, clock) for name in names]
        files = [one.write(folder, f"node{at}") for at, one in enumerate(keys)]
        anchors = folder / "anchors.pem"
        anchors.write_bytes(b"".join(certificate.read_bytes() for certificate, _ in files))
        directory = self._publish(plan)
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
        self._watch = asyncio.get_running_loop().create_task(self._look())

    def refresh(self) -> None:
        """Read the file again if it changed; a broken one leaves the last good one in force."""
        stamp, file = _stat(self._config.directory_file), self._config.directory_file
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            plan = read_plan(file)
            self._check_fixed(plan)
            services = node_file_of(plan, file)
            self._publish(plan)
        except Misconfigured as problem:
            log.error("sandbox_file_refused key=%s", problem.facts["key"])  # noqa: TRY400
            for node in self.nodes:
                node.core.node_file.trouble = str(problem)
            return
        self.plan = plan
        for node in self.nodes:
            node.core.node_file.trouble = ""
            node.core.node_file.current = services
            node.core.directory.refresh_from_file()
        log.info("sandbox_file_read version=%s", self._version)

    def _check_fixed(self, plan: Plan) -> None:
        for key, of in _FIXED.items():
            if of(plan) != of(self.plan):
                raise Misconfigured(
                    file=self._config.directory_file,
                    key=key,
                    value="changed",
                    example="start the sandbox again",
                )

    def _publish(self, plan: Plan) -> Path:
        """Sign the directory of the plan, under the next version."""
        self._version += 1
        directory = Path(self._folder.name) / "directory.jws"
        new = directory.with_suffix(".new")
        try:
            payload = payload_of(plan, self._entries(plan), self._clock, version=self._version)
            build(payload)
        except (Invalid, KeyError, TypeError, ValueError, AttributeError) as problem:
            raise Misconfigured(
                file=self._config.directory_file,
                key="members, services, acl",
                value=f"{type(problem).__name__}: {problem}",
                example="docs/how-to/connect-a-system.md",
            ) from problem
        new.write_text(self._directory_key.sign(payload), encoding="ascii")
        new.replace(directory)
        return directory

    def _entries(self, plan: Plan) -> list[dict[str, Any]]:
        return [
            {
                "id": name,
                "address": f"127.0.0.1:{self._config.links[at]}",
                "serves": list(serves),
                "certificates": [self._keys[at].entry("tls"), self._keys[at].entry("sign")],
            }
            for at, (name, serves) in enumerate(
                ((plan.consumer, plan.consumer_serves), (plan.provider, plan.provider_serves))
            )
        ]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.refresh()

    async def stop(self) -> None:
        """Stop both nodes and forget the keys."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
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


# What is in force from the start to the end.
_FIXED: Mapping[str, Callable[[Plan], object]] = {
    "instance": lambda plan: plan.instance,
    "security_servers": lambda plan: (plan.consumer, plan.provider),
    "statuses, fault_codes": lambda plan: plan.style,
}


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
