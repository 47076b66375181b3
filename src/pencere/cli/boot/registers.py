"""The registers get their definitions and the invented population."""

import asyncio

from pencere.cli.progress import Progress
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.ops.installation import Installation
from pencere.registers.commands import Population, load_population


def load(
    installation: Installation, country: Country, progress: Progress, *, people: int
) -> int | None:
    """Load once; return how many records, or None when they are there already."""
    done = 0

    def tell(added: int) -> None:
        nonlocal done
        done += added
        progress.advance(done, 0)

    counts = asyncio.run(
        load_population(
            installation.database_url("registers"),
            country,
            Population(people),
            SystemClock(),
            tell,
        )
    )
    return None if counts is None else sum(counts.values())
