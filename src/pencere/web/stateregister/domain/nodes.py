"""What may stand in the register of a node: identifiers, addresses, systems."""

import ipaddress
import re
from collections.abc import Sequence

from pencere.kernel.errors import Conflict, Invalid
from pencere.web.stateregister.models import Body, Node, System

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\Z")


def check_identifier(node: str, body: Body, *, instance: str) -> None:
    """Refuse a node that is not named as one of this body.

    Raises:
        Invalid: `joining.node`.
    """
    prefix, _, code = node.rpartition("/")
    if prefix != f"{instance}/{body.member_class}/{body.id}" or _CODE.match(code) is None:
        example = f"{instance}/{body.member_class}/{body.id}/node"
        raise Invalid("joining.node", example=example)


def check_host(host: str) -> str:
    """Return a host name or IP address in its usual form.

    Raises:
        Invalid: `joining.hosts`.
    """
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        if len(host) <= 253 and _HOST.match(host.lower()):
            return host.lower()
    raise Invalid("joining.hosts", example="10.20.1.5")


def check_address(address: str) -> str:
    """Return the host of `host:port`.

    Raises:
        Invalid: `joining.address`, `joining.hosts`.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Invalid("joining.address", example="10.20.1.5:5500")
    return check_host(host)


def refuse_taken_address(address: str, node: str) -> None:
    """Refuse the address of another node.

    Raises:
        Conflict: `joining.address_taken`.
    """
    others = Node.objects.filter(address=address, is_active=True).exclude(identifier=node)
    if others.exists():
        raise Conflict("joining.address_taken", node=node)


def systems(keys: Sequence[str]) -> list[System]:
    """Return systems by `body/code`, all of them.

    Raises:
        Invalid: `joining.serves`; one is not in the register or not in use.
    """
    found = []
    for key in dict.fromkeys(keys):
        owner, _, code = key.partition("/")
        system = System.objects.filter(owner_id=owner, code=code, is_active=True).first()
        if system is None:
            raise Invalid("joining.serves", system=key)
        found.append(system)
    if not found:
        raise Invalid("joining.serves", system="")
    return found
