"""The TLS listener where machines enrol, as an installation sets it up.

`data/acme.yaml` is optional and says what differs from one machine on its own:

    names: [acme.gov.az, 10.20.0.5]     # how machines reach the listener; the first is in addresses
    http_port: 80                       # where http-01 is looked for
    networks: [10.20.0.0/16]            # where it may be looked for
    hosts: {cases.gov.az: [10.20.1.7]}  # names that are not in DNS
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pencere.kernel.datafile import Node
from pencere.ops.installation import Installation
from pencere.trust.acme.addresses import Address, AddressRules, Network, SystemResolver
from pencere.trust.acme.bindings import BindingKeys
from pencere.trust.acme.http01 import Validator
from pencere.trust.server.machines import MachineConfig

T = TypeVar("T")

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True)
class Settings:
    """What `acme.yaml` says."""

    names: tuple[str, ...] = ("127.0.0.1",)
    http_port: int | None = None
    networks: tuple[Network, ...] = LOOPBACK
    hosts: dict[str, tuple[Address, ...]] | None = None


def machine_config(installation: Installation) -> MachineConfig:
    """Return the settings of the listener.

    Raises:
        Misconfigured: `acme.yaml` holds what cannot be meant.
    """
    settings = _settings(installation)
    port = installation.port("trust-tls")
    host = f"[{settings.names[0]}]" if ":" in settings.names[0] else settings.names[0]
    return MachineConfig(
        base_url=f"https://{host}:{port}",
        port=port,
        folder=installation.keys / "trust-tls",
        passphrase=installation.secret("keys/trust-tls"),
        secret=_secret(installation),
        validator=Validator(
            SystemResolver(settings.hosts or {}),
            AddressRules(settings.networks),
            port=settings.http_port or installation.port("http-01"),
        ),
        names=settings.names,
    )


def binding_keys(installation: Installation) -> BindingKeys:
    """Return what derives the keys that administrators of systems are handed."""
    return BindingKeys(_secret(installation))


def _secret(installation: Installation) -> bytes:
    return installation.secret("enrolment").encode()


def _settings(installation: Installation) -> Settings:
    file = installation.data / "acme.yaml"
    if not file.exists():
        return Settings()
    node = Node.of_file(file)
    unknown = set(node.values) - {"names", "http_port", "networks", "hosts"}
    if unknown:
        raise node.wrong(min(map(str, unknown)), "names, http_port, networks, hosts")
    hosts = node.values.get("hosts", {})
    if not isinstance(hosts, dict):
        raise node.wrong("hosts", {"cases.gov.az": ["10.20.1.7"]})
    port = node.values.get("http_port")
    if port is not None and not (isinstance(port, int) and 0 < port < 65536):
        raise node.wrong("http_port", 80)
    return Settings(
        names=_list(node, "names", str, Settings.names, ["acme.gov.az"]),
        http_port=port,
        networks=_list(node, "networks", ipaddress.ip_network, LOOPBACK, ["10.20.0.0/16"]),
        hosts={
            str(name): _list(
                Node(file, "hosts", hosts), name, ipaddress.ip_address, (), ["10.20.1.7"]
            )
            for name in hosts
        },
    )


def _list(
    node: Node, key: str, read: Callable[[str], T], default: tuple[T, ...], example: list[str]
) -> tuple[T, ...]:
    given = node.values.get(key)
    if given is None:
        return default
    if not isinstance(given, list) or not given or not all(isinstance(x, str) for x in given):
        raise node.wrong(key, example)
    try:
        return tuple(read(one) for one in given)
    except ValueError as error:
        raise node.wrong(key, example) from error
