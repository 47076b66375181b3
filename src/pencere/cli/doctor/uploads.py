"""Files of applicants are looked at by clamd, and none waits for it."""

from collections.abc import Iterator

from pencere.kernel.errors import PencereError
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.web.cases.domain.scanning import VARIABLE, scanner

NAME = "uploads"


def check_uploads(installation: Installation) -> Iterator[Check]:
    """Say openly when nothing is checked; else whether clamd answers and how many files wait."""
    try:
        found = scanner()
        if found is None:
            yield Check(NAME, True, f"NOT checked for viruses: {VARIABLE} names no clamd")
            return
        found.ping()
    except PencereError as reason:
        yield Check(NAME, False, str(reason))
    else:
        yield Check(NAME, True, "clamd answers")
    waiting = sum(1 for _ in (installation.files / "sealed").rglob("*.unchecked"))
    yield Check("uploads in quarantine", not waiting, f"{waiting} wait")
