"""The validation policies: what is demanded of a signature beside that it holds.

`pencere` is ours and the default; `basic` takes what EN 319 102-1 takes without a trusted time.
"""

from dataclasses import dataclass, field

from pencere.documents.validation.signatures import Strength

TIME_STAMPING = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True)
class Policy:
    """`needs_time`: a signature without a trusted time-stamp is not accepted.

    `needs_commitment`: the certificate must promise documents (non-repudiation), so a key for
    signing in or for connections signs none.
    """

    name: str
    oid: str
    needs_time: bool = True
    needs_commitment: bool = True
    strength: Strength = field(default_factory=Strength)


POLICIES = {
    "pencere": Policy("pencere", "1.3.6.1.4.1.32473.2.3.1"),
    "basic": Policy("basic", "1.3.6.1.4.1.32473.2.3.2", needs_time=False, needs_commitment=False),
}
