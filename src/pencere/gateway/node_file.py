"""A node's own file: keys of its clients, addresses of its services.

What is between a node and its own information systems is nobody else's business, so it is not
in the directory. The file is read again when it changes; a broken one leaves the last good one
in force.

    {"clients": {"AZ/GOV/idda/portal": "<sha256 of the key, hex>"},   (more: `gateway.clients`)
     "services": {"AZ/GOV/mia/population": {"url": "http://127.0.0.1:8100/v1/population",
                                            "bearer": "...", "timeout_s": 10}},
     "operators": {"register": "<sha256 of the key, hex>"}}

A service over https is believed by one of its `certificates` (DER in Base64, or SHA-256 in hex),
else by its `ca` (likewise DER) and its name, else by the authorities this machine knows.

A service's address is looked up by its whole identifier, then by its subsystem's, where the
service code is added to the address.
"""

import hashlib
import hmac
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pencere.gateway.clients import ClientEntry, parse_certificates, parse_entry
from pencere.gateway.directory.model import Service
from pencere.gateway.wire.identifiers import canonical, encode_part
from pencere.kernel.errors import Misconfigured

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a service is, and how the node proves itself to it."""

    host: str
    port: int
    is_tls: bool
    base_path: str
    bearer: str | None = field(repr=False)
    timeout_s: float | None
    pinned: frozenset[str] = frozenset()
    authority_der: bytes = field(default=b"", repr=False)

    @property
    def authority(self) -> str:
        """Return the Host header."""
        usual = 443 if self.is_tls else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class NodeFile:
    """The content of the file. With `is_open`, as in the sandbox, clients need no key."""

    clients: Mapping[str, ClientEntry]
    services: Mapping[str, Upstream]
    is_open: bool = False
    operators: Mapping[str, bytes] = field(default_factory=dict)

    def is_operator_key(self, key: bytes) -> bool:
        """Say whether it is an operator's key; each is compared in constant time."""
        given = hashlib.sha256(key).digest()
        return sum(hmac.compare_digest(given, one) for one in self.operators.values()) > 0

    def upstream(self, service: Service) -> Upstream | None:
        """Return the address of a service."""
        exact = self.services.get(service.identifier)
        if exact is not None:
            return exact
        base = self.services.get(service.provider)
        if base is None:
            return None
        path = f"{base.base_path.rstrip('/')}/{encode_part(service.code)}"
        return replace(base, base_path=path)


_CLIENT = '"<64 hex digits: SHA-256 of the key>", or {"connection": "HTTPS", "certificates": [...]}'


def client_key_digest(key: str) -> str:
    """Return what the node file holds of a client's key."""
    return hashlib.sha256(key.encode()).hexdigest()


def write_node_file(
    path: Path,
    *,
    clients: Mapping[str, str],
    services: Mapping[str, Mapping[str, Any]],
    operators: Mapping[str, str] | None = None,
) -> None:
    """Write a node's file whole or not at all; of clients and operators, give the keys."""
    content = {
        "clients": {client: client_key_digest(key) for client, key in clients.items()},
        "services": {service: dict(entry) for service, entry in services.items()},
        "operators": {name: client_key_digest(key) for name, key in (operators or {}).items()},
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_node_file(path: Path) -> NodeFile:
    """Read a node's file.

    Raises:
        Misconfigured: which key, what it holds, what would be valid.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Misconfigured(
            file=path, key="(file)", value=str(problem), example="a readable file"
        ) from problem
    except ValueError as problem:
        raise Misconfigured(
            file=path, key="(file)", value="not JSON", example='{"clients": {}, "services": {}}'
        ) from problem
    clients: dict[str, ClientEntry] = {}
    for client, entry in _mapping(path, content, "clients").items():
        try:
            clients[canonical(client)] = parse_entry(entry)
        except ValueError as problem:
            raise Misconfigured(
                file=path, key=f"clients.{client}", value=f"(hidden): {problem}", example=_CLIENT
            ) from problem
    services = {
        canonical(service): _upstream(path, service, entry)
        for service, entry in _mapping(path, content, "services").items()
    }
    operators: dict[str, bytes] = {}
    for name, digest in _mapping(path, content, "operators").items():
        try:
            operators[name] = bytes.fromhex(digest)
        except (ValueError, TypeError) as problem:
            raise Misconfigured(
                file=path,
                key=f"operators.{name}",
                value="(hidden)",
                example="64 hex digits: SHA-256 of the key",
            ) from problem
    return NodeFile(clients, services, operators=operators)


def make_upstream(url: str, *, bearer: str | None, timeout_s: float | None) -> Upstream:
    """Return the upstream of a URL; ValueError when it is not an HTTP one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an HTTP address")
    is_tls = parts.scheme == "https"
    return Upstream(
        parts.hostname,
        parts.port or (443 if is_tls else 80),
        is_tls,
        parts.path,
        bearer,
        timeout_s,
    )


class NodeFileSource:
    """The file as it is now: read again when its time of change moves."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self.current = read_node_file(path)
        self.trouble = ""
        self.on_change: Callable[[NodeFile], None] = lambda content: None

    def refresh(self) -> None:
        """Read the file if it changed; keep the last good one when it is broken."""
        stamp = self._stat()
        if stamp == self._stamp:
            return
        try:
            content = read_node_file(self._path)
            self.on_change(content)
            self.current = content
        except Misconfigured as problem:
            self.trouble = str(problem)
            log.error("node_file_refused file=%s key=%s", self._path.name, problem.facts["key"])  # noqa: TRY400
        else:
            self.trouble = ""
            log.info("node_file_read file=%s", self._path.name)
        self._stamp = stamp

    def _stat(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)


def _mapping(path: Path, content: object, key: str) -> Mapping[str, Any]:
    value = content.get(key, {}) if isinstance(content, dict) else None
    if not isinstance(value, dict):
        raise Misconfigured(file=path, key=key, value=value, example={})
    return value


def _upstream(path: Path, service: str, entry: object) -> Upstream:
    url = entry.get("url") if isinstance(entry, dict) else None
    try:
        if not isinstance(entry, dict) or not isinstance(url, str):
            raise ValueError("no url")  # noqa: TRY301, TRY004
        found = make_upstream(url, bearer=entry.get("bearer"), timeout_s=entry.get("timeout_s"))
        pinned, _ = parse_certificates(entry.get("certificates", []))
        _, authorities = parse_certificates([entry["ca"]] if entry.get("ca") else [])
        if not found.is_tls and (pinned or authorities):
            raise ValueError("certificates are for https")  # noqa: TRY301
        return replace(found, pinned=pinned, authority_der=b"".join(authorities))
    except ValueError as problem:
        raise Misconfigured(
            file=path,
            key=f"services.{service}.url",
            value=url,
            example="http://127.0.0.1:8100/v1/population",
        ) from problem
