"""When a job that failed is tried again."""

from datetime import timedelta

from procrastinate import RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy

from pencere.kernel.errors import Unavailable

SHORTEST_S, LONGEST_S = 1, 60


class Patience(BaseRetryStrategy):
    """Wait without end for what does not answer; try anything else a few times.

    `Unavailable` is waiting, not failing: the pauses double from one second to one minute.
    Another error is a fault, ours or a register's, and is given up after `attempts`.
    """

    def __init__(self, *, attempts: int = 5) -> None:
        self._attempts = attempts

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to try again, or None for never."""
        if not isinstance(exception, Unavailable) and job.attempts + 1 >= self._attempts:
            return None
        return RetryDecision(retry_in={"seconds": int(pause_after(job.attempts).total_seconds())})


def pause_after(attempts: int) -> timedelta:
    """Return the pause after so many tries: 1, 2, 4 ... 60 seconds."""
    return timedelta(seconds=min(SHORTEST_S << min(attempts, 10), LONGEST_S))
