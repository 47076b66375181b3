"""What a certificate for a machine may name: DNS names and IP addresses (RFC 8555, RFC 8738)."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509

from pencere.trust.acme.problems import Problem

MOST = 20
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True, order=True)
class Identifier:
    """A DNS name in lower case, or an IP address in its canonical text. `kind`: dns or ip."""

    kind: str
    value: str

    def as_json(self) -> dict[str, str]:
        """Return the form of RFC 8555."""
        return {"type": self.kind, "value": self.value}


def parse(kind: str, value: str) -> Identifier:
    """Return an identifier, normalised.

    Raises:
        Problem: `unsupportedIdentifier`, or `malformed`. Wildcards are not issued.
    """
    if kind == "ip":
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise Problem("malformed", "identifier", value=value[:100]) from error
        if str(address) != value or getattr(address, "scope_id", None):
            raise Problem("malformed", "identifier", value=value[:100])
        return Identifier("ip", value)
    if kind != "dns":
        raise Problem("unsupportedIdentifier", "identifier_kind", given=kind[:40])
    name = value.lower()
    labels = name.split(".")
    if name.startswith("*."):
        raise Problem("rejectedIdentifier", "wildcard", value=value[:100])
    is_name = len(name) <= 253 and all(map(_LABEL.fullmatch, labels))
    if not is_name or labels[-1].isdigit():
        raise Problem("malformed", "identifier", value=value[:100])
    return Identifier("dns", name)


def parse_all(content: object) -> list[Identifier]:
    """Return the identifiers of a new order, each once, in the order they came."""
    if not isinstance(content, list) or not 1 <= len(content) <= MOST:
        raise Problem("malformed", "identifiers", most=MOST)
    found: list[Identifier] = []
    for one in content:
        if not isinstance(one, dict) or not all(
            isinstance(one.get(name), str) for name in ("type", "value")
        ):
            raise Problem("malformed", "identifiers", most=MOST)
        identifier = parse(one["type"], one["value"])
        if identifier not in found:
            found.append(identifier)
    return found


def of_names(names: Iterable[x509.GeneralName]) -> set[Identifier]:
    """Return what a subjectAltName holds; a name of another kind is refused."""
    found = set()
    for name in names:
        if isinstance(name, x509.DNSName):
            found.add(parse("dns", name.value))
        elif isinstance(name, x509.IPAddress):
            found.add(parse("ip", str(name.value)))
        else:
            raise Problem("badCSR", "request_names")
    return found


def check_permitted(identifiers: Iterable[Identifier], permitted: Sequence[str]) -> None:
    """Refuse what a binding does not cover.

    `permitted` holds names, addresses, domains below which everything is meant (`.health.az`),
    and networks (`10.20.0.0/16`).

    Raises:
        Problem: `rejectedIdentifier`, with one subproblem for each.
    """
    refused = [one for one in identifiers if not any(_covers(rule, one) for rule in permitted)]
    if refused:
        raise Problem(
            "rejectedIdentifier",
            "not_permitted",
            identifiers=", ".join(one.value for one in refused),
            subproblems=[
                {
                    "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                    "detail": one.value,
                    "identifier": one.as_json(),
                }
                for one in refused
            ],
        )


def parse_rule(text: str) -> str:
    """Return one entry of what a binding permits, normalised.

    Raises:
        Problem: `malformed`.
    """
    if "/" in text:
        try:
            return str(ipaddress.ip_network(text))
        except ValueError as error:
            raise Problem("malformed", "identifier", value=text[:100]) from error
    if ":" in text or text.replace(".", "").isdigit():
        return parse("ip", text).value
    below = "." if text.startswith(".") else ""
    return below + parse("dns", text.removeprefix(".")).value


def _covers(rule: str, identifier: Identifier) -> bool:
    if identifier.kind == "ip":
        try:
            network = ipaddress.ip_network(rule)
        except ValueError:
            return False
        return ipaddress.ip_address(identifier.value) in network
    return identifier.value.endswith(rule) if rule.startswith(".") else identifier.value == rule
