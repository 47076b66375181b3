"""Name constraints along a path. RFC 5280 sections 4.2.1.10 and 6.1.3 (b), (c).

A constraint on a kind of name that is not understood excludes every name of that kind.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.limits import MOST_NAME_COMPARISONS
from pencere.documents.validation.names import comparable, is_within
from pencere.kernel.errors import Refused


@dataclass
class NameSpace:
    """What is permitted and excluded so far. A name must be within every permitted set."""

    _permitted: list[tuple[x509.GeneralName, ...]] = field(default_factory=list)
    _excluded: list[x509.GeneralName] = field(default_factory=list)
    _left: int = MOST_NAME_COMPARISONS

    def narrow(self, certificate: Certificate) -> None:
        """Add the constraints of an authority."""
        found = certificate.extension(x509.NameConstraints)
        if found is None:
            return
        for one in (*(found.permitted_subtrees or ()), *(found.excluded_subtrees or ())):
            _refuse_malformed(one)
        permitted = tuple(found.permitted_subtrees or ())
        for kind in {type(one) for one in permitted}:
            self._permitted.append(tuple(one for one in permitted if type(one) is kind))
        self._excluded += found.excluded_subtrees or ()

    def check(self, certificate: Certificate) -> None:
        """Return if all names of a certificate are allowed.

        Raises:
            Refused: `path.name_constraints`.
        """
        if not self._permitted and not self._excluded:
            return
        for name in _names(certificate):
            for base in self._excluded:
                if type(base) is type(name) and self._is_within(name, base, excluding=True):
                    raise Refused("path.name_constraints")
            for permitted in self._permitted:
                if type(permitted[0]) is type(name) and not any(
                    self._is_within(name, base, excluding=False) for base in permitted
                ):
                    raise Refused("path.name_constraints")

    def _is_within(
        self, name: x509.GeneralName, base: x509.GeneralName, *, excluding: bool
    ) -> bool:
        self._left -= 1
        if self._left < 0:
            raise Refused("path.too_complex")
        match name, base:
            case x509.DirectoryName(), x509.DirectoryName():
                return is_within(comparable(name.value), comparable(base.value))
            case x509.DNSName(), x509.DNSName():
                return _is_host_within(name.value, base.value, excluding=excluding)
            case x509.RFC822Name(), x509.RFC822Name():
                return _is_mail_within(name.value, base.value)
            case x509.UniformResourceIdentifier(), x509.UniformResourceIdentifier():
                return _is_address_within(name.value, base.value)
            case x509.IPAddress(), x509.IPAddress():
                return _is_in_network(name.value, base.value)
            case _:
                # Not understood: treated as excluded, never as permitted.
                return excluding


def _names(certificate: Certificate) -> Iterator[x509.GeneralName]:
    subject = certificate.x509.subject
    if subject.rdns:
        yield x509.DirectoryName(subject)
    alternative = certificate.extension(x509.SubjectAlternativeName)
    if alternative is not None:
        yield from alternative
    if alternative is None or not any(isinstance(one, x509.RFC822Name) for one in alternative):
        for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            yield x509.RFC822Name(str(attribute.value))


def _refuse_malformed(base: x509.GeneralName) -> None:
    if isinstance(base, x509.DNSName) and base.value.startswith("."):
        # RFC 5280 gives a leading period a meaning for addresses only.
        raise Refused("path.name_constraints", reason="malformed")


def _is_host_within(host: str, base: str, *, excluding: bool) -> bool:
    name, within = host.lower().rstrip("."), base.lower().rstrip(".")
    if not within:
        return True
    if name.startswith("*."):
        # A wildcard that could stand for an excluded name is excluded.
        rest = name[2:]
        if excluding and (within == rest or within.endswith("." + rest)):
            return True
        return rest == within or rest.endswith("." + within)
    return name == within or name.endswith("." + within)


def _is_mail_within(address: str, base: str) -> bool:
    local, _, host = address.rpartition("@")
    if not local or not host:
        raise Refused("path.name_constraints", reason="malformed")
    if "@" in base:
        wanted_local, _, wanted_host = base.rpartition("@")
        return local == wanted_local and host.lower() == wanted_host.lower()
    if base.startswith("."):
        return host.lower().endswith(base.lower())
    return host.lower() == base.lower()


def _is_address_within(address: str, base: str) -> bool:
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if not host or _is_ip(host):
        # RFC 5280: a URI without a host name under a constraint is refused.
        raise Refused("path.name_constraints", reason="no host")
    if base.startswith("."):
        return host.endswith(base.lower())
    return host == base.lower()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_in_network(address: object, network: object) -> bool:
    match address, network:
        case ipaddress.IPv4Address(), ipaddress.IPv4Network():
            return address in network
        case ipaddress.IPv6Address(), ipaddress.IPv6Network():
            return address in network
        case _:
            return False
