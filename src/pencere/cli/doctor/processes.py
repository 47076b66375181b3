"""The processes are alive and say that they are healthy."""

from collections.abc import Iterator

from pencere.cli.roles import ORDER, WITHOUT_HTTP
from pencere.ops.health import Check, ask
from pencere.ops.installation import Installation
from pencere.ops.state import running


def check_processes(installation: Installation) -> Iterator[Check]:
    """One check for the supervisor, one for each role."""
    state = running(installation.run) if (installation.data / "run").is_dir() else None
    if state is None:
        yield Check("supervisor", False, "not running; start it with: pencere up")
    else:
        yield Check("supervisor", True, f"pid {state.supervisor.pid}, {state.phase}")
    alive = {each.role: each for each in state.processes} if state is not None else {}
    for role in ORDER:
        process = alive.get(role)
        restarts = f", restarted {process.restarts} times" if process and process.restarts else ""
        if role in WITHOUT_HTTP:
            ok = process is not None and process.healthy and process.identity.is_running()
            yield Check(f"process {role}", ok, ("running" if ok else "not running") + restarts)
        else:
            answer = ask(installation.address(role))
            yield Check(f"process {role}", answer.healthy, answer.detail + restarts)
