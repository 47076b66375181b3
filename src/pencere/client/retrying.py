"""When a request is sent again, and after how long.

Only what is safe: nothing was sent, the node refused before anything was done, or doing it twice
is doing it once. A refusal for a wrong or forbidden request is never tried again.
"""

import secrets
from dataclasses import dataclass

from pencere.client.errors import Fault, NoAnswer, NotNow
from pencere.client.request import Call

# Faults by which the caller's own node says that it has sent nothing on.
_BEFORE_ANYTHING = frozenset(
    {"overloaded", "stopping", "rate_exceeded", "quota_exceeded", "global_conf_outdated"}
)


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` in all, waits that double from `first_s` to `most_s` with a random part.

    With `only_unsent` nothing is repeated but what never left. A node that names a time to wait
    longer than `most_s` is not waited for.
    """

    attempts: int = 3
    first_s: float = 0.1
    most_s: float = 5.0
    only_unsent: bool = False

    def wait_s(self, call: Call, problem: Fault | NoAnswer, attempt: int) -> float | None:
        """Return the seconds to wait before attempt `attempt + 1`, None when it is over."""
        if attempt >= self.attempts or not self._may_repeat(call, problem):
            return None
        wait: float = min(self.most_s, self.first_s * 2.0 ** (attempt - 1))
        asked = problem.retry_after if isinstance(problem, Fault) else None
        if asked is not None:
            return asked if asked <= self.most_s else None
        # Callers that failed together do not come back together.
        return wait * (0.5 + secrets.randbelow(512) / 1024)

    def _may_repeat(self, call: Call, problem: Fault | NoAnswer) -> bool:
        if isinstance(problem, NoAnswer):
            return problem.is_unseen or (call.may_repeat and not self.only_unsent)
        if not isinstance(problem, NotNow) or self.only_unsent:
            return False
        return call.may_repeat or (
            problem.code.startswith("server.clientproxy.")
            and problem.code.rpartition(".")[2] in _BEFORE_ANYTHING
        )
