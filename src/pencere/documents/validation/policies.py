"""Certificate policies along a path. RFC 5280 section 6.1, as a graph: RFC 9618.

The tree of RFC 5280 can be made to double at every step; the graph that RFC 9618 puts in its
place holds each policy once a level and gives the same answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509

from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.limits import MOST_POLICY_NODES
from pencere.kernel.errors import Refused

ANY = "2.5.29.32.0"


@dataclass(frozen=True)
class PolicyInputs:
    """What the one who asks demands. RFC 5280 section 6.1.1 (c) to (g)."""

    acceptable: frozenset[str] = frozenset({ANY})
    require_explicit: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False


@dataclass
class _Node:
    policy: str
    expected: frozenset[str]
    above: list["_Node"] = field(default_factory=list)


class PolicyGraph:
    """The state that goes from certificate to certificate; `length` is the number of them."""

    def __init__(self, inputs: PolicyInputs, length: int) -> None:
        self._inputs = inputs
        self._length = length
        self._level: dict[str, _Node] = {ANY: _Node(ANY, frozenset({ANY}))}
        self._nodes = 1
        self._explicit = 0 if inputs.require_explicit else length + 1
        self._mapping = 0 if inputs.inhibit_mapping else length + 1
        self._any = 0 if inputs.inhibit_any else length + 1

    def take(self, certificate: Certificate, *, is_last: bool) -> None:
        """Process the policies of the next certificate, 6.1.3 (d) to (f).

        Raises:
            Refused: `path.policy`.
        """
        found = certificate.extension(x509.CertificatePolicies)
        if found is None:
            self._level = {}
        elif self._level:
            named = [one.policy_identifier.dotted_string for one in found]
            allows_any = ANY in named and (
                self._any > 0 or (certificate.is_self_issued and not is_last)
            )
            self._level = self._next_level({one for one in named if one != ANY}, allows_any)
        if self._explicit <= 0 and not self._level:
            raise Refused("path.policy")

    def prepare(self, certificate: Certificate) -> None:
        """Go on to what the certificate issued, 6.1.4 (a), (b), (h) to (j).

        Raises:
            Refused: `path.policy`.
        """
        self._map(certificate)
        if not certificate.is_self_issued:
            self._explicit = max(self._explicit - 1, 0)
            self._mapping = max(self._mapping - 1, 0)
            self._any = max(self._any - 1, 0)
        constraints = certificate.extension(x509.PolicyConstraints)
        if constraints is not None:
            if constraints.require_explicit_policy is not None:
                self._explicit = min(self._explicit, constraints.require_explicit_policy)
            if constraints.inhibit_policy_mapping is not None:
                self._mapping = min(self._mapping, constraints.inhibit_policy_mapping)
        inhibit = certificate.extension(x509.InhibitAnyPolicy)
        if inhibit is not None:
            self._any = min(self._any, inhibit.skip_certs)

    def conclude(self, certificate: Certificate) -> frozenset[str]:
        """Return the policies the path is valid for, 6.1.5; `certificate` is the last.

        Raises:
            Refused: `path.policy`.
        """
        self._explicit = max(self._explicit - 1, 0)
        constraints = certificate.extension(x509.PolicyConstraints)
        if constraints is not None and constraints.require_explicit_policy == 0:
            self._explicit = 0
        valid = self._authority_constrained()
        acceptable = self._inputs.acceptable
        agreed = valid & acceptable
        if ANY in acceptable or ANY in valid:
            agreed = valid if ANY in acceptable else acceptable
        if self._explicit <= 0 and not agreed:
            raise Refused("path.policy")
        return agreed

    def _next_level(self, named: set[str], allows_any: bool) -> dict[str, _Node]:
        expecting: dict[str, list[_Node]] = {}
        for node in self._level.values():
            for policy in node.expected:
                expecting.setdefault(policy, []).append(node)
        wildcard = self._level.get(ANY)
        level = {}
        for policy in named:
            above = expecting.get(policy) or ([wildcard] if wildcard else [])
            if above:
                level[policy] = self._node(policy, above)
        if allows_any:
            for policy, above in expecting.items():
                if policy not in level:
                    level[policy] = self._node(policy, above)
        return level

    def _map(self, certificate: Certificate) -> None:
        mappings = _mappings(certificate)
        if any(ANY in pair for pair in mappings):
            raise Refused("path.policy_mapping")
        by_issuer: dict[str, set[str]] = {}
        for issuer_policy, subject_policy in mappings:
            by_issuer.setdefault(issuer_policy, set()).add(subject_policy)
        wildcard = self._level.get(ANY)
        for policy, subjects in by_issuer.items():
            if self._mapping <= 0:
                self._level.pop(policy, None)
            elif policy in self._level:
                self._level[policy].expected = frozenset(subjects)
            elif wildcard is not None:
                node = self._node(policy, wildcard.above or [wildcard])
                node.expected = frozenset(subjects)
                self._level[policy] = node

    def _node(self, policy: str, above: Iterable[_Node]) -> _Node:
        self._nodes += 1
        if self._nodes > MOST_POLICY_NODES:
            raise Refused("path.too_complex")
        return _Node(policy, frozenset({policy}), list(above))

    def _authority_constrained(self) -> frozenset[str]:
        """The policies of the nodes whose parent is anyPolicy, above what is left: 6.1.5 (g)."""
        found: set[str] = set()
        seen: set[int] = set()
        waiting = list(self._level.values())
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.policy == ANY:
                found.add(ANY)
            elif any(one.policy == ANY for one in node.above):
                found.add(node.policy)
            waiting += [one for one in node.above if one.policy != ANY]
        return frozenset(found)


def _mappings(certificate: Certificate) -> list[tuple[str, str]]:
    from asn1crypto import x509 as asn1_x509  # noqa: PLC0415 - few certificates have mappings

    found = certificate.extensions.get(x509.ObjectIdentifier("2.5.29.33"))
    if found is None:
        return []
    value = found.value
    if not isinstance(value, x509.UnrecognizedExtension):
        raise Refused("path.policy_mapping")
    try:
        return [
            (one["issuer_domain_policy"].dotted, one["subject_domain_policy"].dotted)
            for one in asn1_x509.PolicyMappings.load(value.value, strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise Refused("path.policy_mapping") from error
