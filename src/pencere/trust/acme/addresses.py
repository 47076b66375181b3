"""Where the validator may connect to, and how a name becomes addresses.

The validator is told names by strangers, so it connects only into the networks that the centre
serves, on one port, and to the very address that was checked.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.problems import Problem

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_ADDRESSES = 8


class Resolver(Protocol):
    """Whatever knows the addresses of a name."""

    async def addresses(self, name: str) -> Sequence[Address]:
        """Return them; none when the name is not known."""


@dataclass(frozen=True)
class SystemResolver:
    """The resolver of this machine, with names of an address plan before it."""

    plan: Mapping[str, Sequence[Address]] = field(default_factory=dict)

    async def addresses(self, name: str) -> Sequence[Address]:
        """Return the addresses of a name; none when it has none."""
        if name in self.plan:
            return self.plan[name]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                name, None, type=socket.SOCK_STREAM
            )
        except OSError:
            return []
        texts = [str(one[4][0]).partition("%")[0] for one in found]
        return list(dict.fromkeys(map(ipaddress.ip_address, texts)))


@dataclass(frozen=True)
class AddressRules:
    """The networks that may be connected to; everything else is refused."""

    networks: tuple[Network, ...]

    def permits(self, address: Address) -> bool:
        """Say whether the validator may connect there.

        An IPv4 address in IPv6 clothes is judged as what it is. Addresses that name no one
        machine, and link-local ones (among them the metadata services of clouds), never are.
        """
        if isinstance(address, ipaddress.IPv6Address):
            inner = address.ipv4_mapped or address.sixtofour
            if inner is not None or address.teredo is not None:
                return inner is not None and self.permits(inner)
        if address.is_multicast or address.is_unspecified or address.is_link_local:
            return False
        if isinstance(address, ipaddress.IPv4Address) and address.is_reserved:
            return False
        return any(address in network for network in self.networks)


async def addresses_of(
    identifier: Identifier, resolver: Resolver, rules: AddressRules
) -> list[Address]:
    """Return the addresses to try, IPv6 first.

    One address outside the permitted networks refuses the name: a name that points both inside
    and outside is not the body's own.

    Raises:
        Problem: `dns`; the name has no address, too many, or a forbidden one.
    """
    if identifier.kind == "ip":
        found: Sequence[Address] = [ipaddress.ip_address(identifier.value)]
    else:
        found = await resolver.addresses(identifier.value)
    if not found or len(found) > MOST_ADDRESSES:
        raise Problem("dns", "no_address", identifier=identifier.value)
    for address in found:
        if not rules.permits(address):
            raise Problem("dns", "address_forbidden", identifier=identifier.value)
    return sorted(found, key=lambda one: (-one.version, int(one)))
