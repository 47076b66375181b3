"""`pencere status`: the processes with their addresses and memory."""

import json
from collections.abc import Sequence

from pencere.cli.options import installation_of, parser
from pencere.ops.processes import memory_of
from pencere.ops.state import ProcessState, State, running

_MIB = 1024 * 1024


def run(arguments: Sequence[str]) -> int:
    """Print a table, or JSON; exit 1 when the installation does not run."""
    options = parser("status", "List the processes of an installation.")
    options.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    installation = installation_of(given)
    state = running(installation.run) if (installation.data / "run").is_dir() else None
    rows = [] if state is None else [_row(each) for each in (state.supervisor, *state.processes)]
    if given.json:
        print(json.dumps({"running": state is not None, **_totals(state, rows)}, indent=1))
    elif state is None:
        print(f"Nothing is running on {installation.data}.")
    else:
        _print_table(state, rows)
    return 0 if state is not None else 1


def _row(process: ProcessState) -> dict[str, object]:
    # The supervisor's descendants are the other rows.
    resident, proportional = memory_of(process.pid, family=process.role != "supervisor")
    return {
        "role": process.role,
        "pid": process.pid,
        "address": process.address,
        "healthy": process.healthy,
        "restarts": process.restarts,
        "resident_bytes": resident,
        "proportional_bytes": proportional,
    }


def _totals(state: State | None, rows: list[dict[str, object]]) -> dict[str, object]:
    if state is None:
        return {"processes": []}
    return {
        "phase": state.phase,
        "base_port": state.base_port,
        "resident_bytes": _sum(rows, "resident_bytes"),
        "proportional_bytes": _sum(rows, "proportional_bytes"),
        "processes": rows,
    }


def _sum(rows: list[dict[str, object]], key: str) -> int:
    return sum(value for row in rows if isinstance(value := row[key], int))


def _print_table(state: State, rows: list[dict[str, object]]) -> None:
    print(f"{'role':<18}{'pid':>8}  {'address':<24}{'state':<12}{'RSS MiB':>9}{'PSS MiB':>9}")
    for row in rows:
        word = "healthy" if row["healthy"] else "not healthy"
        resident, proportional = _sum([row], "resident_bytes"), _sum([row], "proportional_bytes")
        print(
            f"{row['role']:<18}{row['pid']:>8}  {row['address'] or '-':<24}{word:<12}"
            f"{resident / _MIB:>9.1f}{proportional / _MIB:>9.1f}"
        )
    total = _sum(rows, "resident_bytes") / _MIB, _sum(rows, "proportional_bytes") / _MIB
    print(f"{'together':<18}{'':>8}  {'':<24}{state.phase:<12}{total[0]:>9.1f}{total[1]:>9.1f}")
