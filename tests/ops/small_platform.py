"""A supervisor over PostgreSQL and two small roles, as a process that tests may kill."""

import sys
from pathlib import Path

from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.ops.state import claim, end_leftovers
from pencere.ops.supervisor import Role, Supervisor

ROLE = str(Path(__file__).with_name("small_role.py"))


def role(installation: Installation, name: str, *after: str) -> Role:
    command = (
        sys.executable,
        ROLE,
        str(installation.port(name)),
        "pencere.cli",
        "serve",
        name,
    )
    return Role(name, command, installation.address(name), after)


def supervisor(installation: Installation) -> Supervisor:
    return Supervisor(
        installation,
        [role(installation, "trust"), role(installation, "portal", "trust")],
        Cluster.of(installation),
        report=lambda *what: sys.stderr.write(" ".join(what) + "\n"),
    )


if __name__ == "__main__":
    here = Installation.from_environment()
    with claim(here):
        end_leftovers(here.run)
        kept = supervisor(here)
        kept.listen_to_signals()
        try:
            kept.start_database()
            kept.start_roles()
            kept.keep()
        finally:
            kept.stop()
