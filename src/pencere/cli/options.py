"""Options that every command has: which installation it speaks to."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from pencere.ops.installation import Installation
from pencere.ops.state import read_state


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with `--data` and `--base-port`."""
    made = argparse.ArgumentParser(
        prog=f"pencere {command}", description=description, allow_abbrev=False
    )
    common(made)
    return made


def common(made: argparse.ArgumentParser) -> None:
    """Add the options of every command; for the parsers of subcommands too."""
    made.add_argument("--data", metavar="DIR", help="data folder (PENCERE_DATA; default: var)")
    made.add_argument(
        "--base-port", metavar="N", help="first port (PENCERE_BASE_PORT; default: 8000)"
    )


def subparsers(
    made: argparse.ArgumentParser, commands: Sequence[tuple[str, str]]
) -> dict[str, argparse.ArgumentParser]:
    """Add subcommands; which one was called is found in `arguments.action`."""
    group = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    found = {}
    for name, what in commands:
        found[name] = group.add_parser(name, help=what, description=what, allow_abbrev=False)
        for option in ("--data", "--base-port"):
            # Without a default of its own, so that one given before the action is kept.
            found[name].add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return found


def installation_of(arguments: argparse.Namespace) -> Installation:
    """Return the installation that the options and the environment name.

    A port that nobody named is the one on which this data folder was started before.
    """
    environment = dict(os.environ)
    if arguments.data is not None:
        environment["PENCERE_DATA"] = arguments.data
    if arguments.base_port is not None:
        environment["PENCERE_BASE_PORT"] = arguments.base_port
    installation = Installation.from_environment(environment)
    if not environment.get("PENCERE_BASE_PORT"):
        before = _base_port_before(installation.data)
        if before is not None:
            environment["PENCERE_BASE_PORT"] = before
            installation = Installation.from_environment(environment)
    return installation


def remember_base_port(installation: Installation) -> None:
    """Let later commands on the same data folder find the ports without being told."""
    (installation.run / "base-port").write_text(f"{installation.base_port}\n", encoding="ascii")


def _base_port_before(data: Path) -> str | None:
    if not (data / "run").is_dir():
        return None
    state = read_state(data / "run")
    if state is not None:
        return str(state.base_port)
    try:
        return (data / "run" / "base-port").read_text(encoding="ascii").strip()
    except OSError:
        return None
