"""Files nobody could check yet: kept sealed, given to nobody, looked at again later."""

import logging

from pencere.kernel.errors import Refused, Unavailable
from pencere.web.cases.domain import files, scanning

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200


def look_again() -> int:
    """Check waiting files: clean ones are let out, others deleted. Return how many still wait.

    Safe to run twice and to be killed: a file stays in quarantine until it is judged.
    """
    scanner = scanning.scanner()
    waiting = files.waiting()
    for place, digest in enumerate(waiting[:MOST_AT_ONCE]):
        try:
            if scanner is not None:
                scanner.check(files.content_in_quarantine(digest))
        except Unavailable:
            log.warning("files_wait_for_scanner count=%s", len(waiting) - place)
            break
        except Refused:
            files.condemn(digest)
            log.warning("file_infected sha256=%s", digest.hex())
        else:
            files.release(digest)
    return len(files.waiting())
