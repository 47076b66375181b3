"""Finding paths from a certificate to an anchor. RFC 4158, with a budget.

Depth first, likeliest issuer first, each step only over a signature that was verified. The same
name and key never stand twice in a path, which is what makes cycles and same-subject floods end.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.limits import LONGEST_PATH, MOST_CERTIFICATES, Budget
from pencere.documents.validation.names import Name
from pencere.documents.validation.processing import Path, signature_identifier
from pencere.documents.validation.signatures import algorithm, verify
from pencere.kernel.errors import Invalid, Refused


class Pool:
    """The certificates that paths may be made of, by the name they are issued to."""

    def __init__(self, anchors: Iterable[Certificate], others: Iterable[Certificate]) -> None:
        self.anchors = tuple(dict.fromkeys(anchors))
        self._anchor_set = frozenset(self.anchors)
        self._by_subject: dict[Name, list[Certificate]] = defaultdict(list)
        self._others = 0
        for one in self.anchors:
            self._by_subject[one.subject].append(one)
        self.add(others)
        self._verified: dict[tuple[bytes, bytes], bool] = {}

    def add(self, others: Iterable[Certificate]) -> None:
        """Add more; past MOST_CERTIFICATES they are left out."""
        for one in others:
            known = self._by_subject[one.subject]
            if one not in known and self._others < MOST_CERTIFICATES:
                known.append(one)
                self._others += 1

    def is_anchor(self, certificate: Certificate) -> bool:
        """Say whether a certificate is trusted by itself."""
        return certificate in self._anchor_set

    def named(self, subject: Name) -> tuple[Certificate, ...]:
        """Return all that are issued to a name."""
        return tuple(self._by_subject.get(subject, ()))

    def everything(self) -> Iterator[Certificate]:
        """Give every certificate, anchors among them."""
        for some in self._by_subject.values():
            yield from some

    def paths(self, leaf: Certificate, at: datetime, budget: Budget) -> Iterator[Path]:
        """Give the paths from a certificate to an anchor, both included; likeliest first.

        Raises:
            Refused: `path.too_complex`.
        """
        if self.is_anchor(leaf):
            yield (leaf,)
        yield from self._extend((leaf,), at, budget)

    def _extend(self, path: Path, at: datetime, budget: Budget) -> Iterator[Path]:
        budget.spend_step()
        last = path[-1]
        candidates = sorted(
            self.named(last.issuer), key=lambda one: self._unlikelihood(one, last, at)
        )
        for issuer in candidates:
            if issuer in path or _repeats(issuer, path):
                continue
            if self.is_anchor(issuer):
                if self._is_issued(last, issuer, budget):
                    yield (*path, issuer)
            elif len(path) + 1 < LONGEST_PATH and self._might_issue(last, issuer, budget):
                yield from self._extend((*path, issuer), at, budget)

    def _unlikelihood(
        self, issuer: Certificate, below: Certificate, at: datetime
    ) -> tuple[bool, bool, bool, bool]:
        wanted, given = below.authority_key_id, issuer.key_id
        return (
            wanted is not None and given is not None and wanted != given,
            not self.is_anchor(issuer),
            not issuer.is_valid_at(at),
            issuer.is_self_issued,
        )

    def _might_issue(self, below: Certificate, issuer: Certificate, budget: Budget) -> bool:
        if issuer.inherits_parameters or below.inherits_parameters:
            return True  # the key is known only when the path is whole
        return self._is_issued(below, issuer, budget)

    def _is_issued(self, below: Certificate, issuer: Certificate, budget: Budget) -> bool:
        if issuer.inherits_parameters:
            return True
        try:
            key = issuer.public_key()
        except Invalid:
            return False
        return self.is_signed(below, issuer, key, budget)

    def is_signed(
        self, below: Certificate, issuer: Certificate, key: PublicKeyTypes, budget: Budget
    ) -> bool:
        """Say whether a certificate was signed with the key of another; found out once."""
        pair = (below.sha256, issuer.sha256)
        if pair not in self._verified:
            budget.spend_signature()
            try:
                used = algorithm(signature_identifier(below))
                verify(key, used, below.x509.signature, below.signed_bytes)
                self._verified[pair] = True
            except (Refused, Invalid, IndexError):
                self._verified[pair] = False
        return self._verified[pair]


def _repeats(issuer: Certificate, path: Path) -> bool:
    """RFC 4158 section 2.4.1: the same subject with the same key leads nowhere new."""
    return any(
        one.subject == issuer.subject and one.spki_bits == issuer.spki_bits for one in path[1:]
    )
