"""Checking a proof without trusting whoever gave it: pure, and for use by anyone."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import PencereError
from pencere.ledger.checkpoint import Checkpoint
from pencere.ledger.proofs import leaf_hash, verify_inclusion


@dataclass(frozen=True)
class Verdict:
    """Whether the entry is in the log; if not, the code of the reason."""

    included: bool
    reason: str | None = None


def verify_entry(  # noqa: PLR0913 - the evidence has six parts
    *,
    entry: bytes,
    index: int,
    proof: Sequence[bytes],
    checkpoint: str,
    public_key: ec.EllipticCurvePublicKey,
    origin: str,
) -> Verdict:
    """Say whether `entry` is the leaf at `index` of the log `origin` under a signed checkpoint.

    Never raises for what it is given. Reasons: `checkpoint.malformed`, `checkpoint.origin`,
    `checkpoint.unsigned`, `checkpoint.signature`, `checkpoint.other_log`, `proof.index` (no such
    leaf at that size), `proof.mismatch` (entry, index, or path is not what was signed).
    """
    try:
        head = Checkpoint.open(checkpoint, public_key, origin)
    except PencereError as error:
        return Verdict(included=False, reason=error.code)
    if not 0 <= index < head.size:
        return Verdict(included=False, reason="proof.index")
    if not verify_inclusion(leaf_hash(entry), index, head.size, proof, head.root):
        return Verdict(included=False, reason="proof.mismatch")
    return Verdict(included=True)
