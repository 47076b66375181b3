"""What the provider's node answers itself, as the rights see it.

One entry a service code: which endpoint an agreement about it is matched with, and what it
demands. Who answers stands beside it in `exchange.builtin`. A registered service cannot take
one of these names.
"""

from dataclasses import dataclass

DELIVER_EVENT = "deliverEvent"
FIND_USAGE = "findUsage"
GET_EVIDENCE = "getEvidence"
GET_SUPPRESSIONS = "getSuppressions"


@dataclass(frozen=True, slots=True)
class BuiltInRule:
    """`needs_agreement` is False for metadata, which every client of the directory may read.

    With another method than one of `methods` (none named: any) the code is of no service.
    """

    endpoints: tuple[tuple[str, str], ...] = ()
    demands: tuple[str, ...] = ()
    needs_agreement: bool = True
    methods: frozenset[str] = frozenset()

    def answers(self, method: str) -> bool:
        """Say whether the node itself answers this method."""
        return not self.methods or method in self.methods


_METADATA = BuiltInRule(needs_agreement=False, methods=frozenset({"GET"}))

RULES = {
    # A subscription is an agreement of the publisher about the subscriber's `deliverEvent`.
    DELIVER_EVENT: BuiltInRule(
        endpoints=(("POST", "/*"),),
        demands=("purpose", "legal-basis"),
        methods=frozenset({"POST"}),
    ),
    "listMethods": _METADATA,
    "allowedMethods": _METADATA,
    "getOpenAPI": _METADATA,
    # Whose accesses are meant is demanded where they are listed; telling of hidden ones names none.
    FIND_USAGE: BuiltInRule(
        endpoints=(("POST", "**"), ("GET", "/v2/*"), ("GET", "/v3/*")),
        demands=("purpose", "legal-basis"),
    ),
    # Only of the asking system's own exchanges, so it learns nothing that it did not have.
    GET_EVIDENCE: BuiltInRule(needs_agreement=False, methods=frozenset({"POST"})),
    GET_SUPPRESSIONS: BuiltInRule(
        endpoints=(("POST", "**"),), demands=("purpose", "legal-basis", "user")
    ),
}
