"""What the country's files say otherwise than the state register is told; it is no fault."""

from collections.abc import Iterator

from django.db import DatabaseError

from pencere.cli.boot import web
from pencere.kernel.errors import PencereError
from pencere.ops.health import Check

NAME = "country's files"
MOST = 20


def check_country_files() -> Iterator[Check]:
    """One check that counts; then one for each difference, for somebody must decide about it."""
    try:
        found = web.newer_data()
    except (PencereError, DatabaseError) as reason:
        yield Check(NAME, False, str(reason).strip().split("\n")[0])
        return
    told = (
        f"{len(found)} differ from the register; the office shows them" if found else "as founded"
    )
    yield Check(NAME, True, told)
    for line in found[:MOST]:
        yield Check(NAME, True, line)
    if len(found) > MOST:
        yield Check(NAME, True, f"and {len(found) - MOST} more")
