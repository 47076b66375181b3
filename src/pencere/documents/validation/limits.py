"""How much work one question may cost. Whoever made the file chooses its size, not its price."""

import time
from dataclasses import dataclass, field

from pencere.kernel.errors import Refused

# The longest path that is looked for, both ends included. PKITS has paths of seven.
LONGEST_PATH = 16
LARGEST_CERTIFICATE_BYTES = 128 * 1024
LARGEST_LIST_BYTES = 16 * 1024 * 1024
MOST_CERTIFICATES = 512
MOST_LISTS = 256
# Names times constraints of one certificate; far over what any real one needs.
MOST_NAME_COMPARISONS = 20_000
# Nodes of the policy graph of one path (RFC 9618 bounds its growth; this bounds its size).
MOST_POLICY_NODES = 4_096


@dataclass
class Budget:
    """What is left of the work one question may cause.

    `signatures` are verifications, `paths` complete paths that are tried, `steps` certificates
    put on top of one, `seconds` the time from when the budget was made. Every way out is
    `Refused("path.too_complex")`.
    """

    signatures: int = 400
    paths: int = 64
    steps: int = 4_000
    seconds: float = 5.0
    _began: float = field(default_factory=time.monotonic, init=False)

    def spend_signature(self) -> None:
        """Count one verification of a signature."""
        self.signatures -= 1
        self.check(self.signatures)

    def spend_path(self) -> None:
        """Count one path that is looked at whole."""
        self.paths -= 1
        self.check(self.paths)

    def spend_step(self) -> None:
        """Count one certificate that a path was made longer by."""
        self.steps -= 1
        self.check(self.steps)

    def check(self, left: int = 0) -> None:
        """Raise when something is used up.

        Raises:
            Refused: `path.too_complex`.
        """
        if left < 0 or time.monotonic() - self._began > self.seconds:
            raise Refused("path.too_complex")
