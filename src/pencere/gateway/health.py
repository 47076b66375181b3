"""`/healthz` of a node: whether it can carry, and if not, why."""

import json
from dataclasses import asdict, dataclass

from pencere.gateway.exchange.core import Core
from pencere.gateway.log.stamps import Stamper
from pencere.gateway.wire.head import Headers


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    name: str
    ok: bool
    detail: str


def checks(core: Core, stamper: Stamper | None) -> list[Check]:
    """Return what was looked at; all are known without asking anybody."""
    directory, now = core.directory.newest, core.now()
    if directory is None:
        state, is_current = core.directory.trouble, False
    else:
        left = (directory.expires_at - now).total_seconds()
        is_current = left > 0
        state = f"version {directory.version}, " + (
            f"{left / 60:.0f} minutes left" if is_current else "expired"
        )
        if core.directory.trouble:
            state += f"; {core.directory.trouble}"
    is_known = directory is not None and core.config.node in directory.nodes
    found = [
        Check("directory", is_current, state),
        Check("registered", is_known, core.config.node),
        Check(
            "certificate",
            directory is not None
            and is_known
            and core.fingerprint in directory.nodes[core.config.node].signing,
            "the directory names this node's signing certificate",
        ),
        Check("log", core.log.is_available, core.log.trouble or f"{core.log.depth} entries wait"),
        Check("node-file", not core.node_file.trouble, core.node_file.trouble or "read"),
        Check("capacity", core.in_flight < core.config.in_flight, f"{core.in_flight} in work"),
        Check("accepting", not core.is_stopping, "stopping" if core.is_stopping else "yes"),
    ]
    if stamper is not None:
        late = f"oldest without time-stamp {stamper.unstamped_s:.0f} s"
        found.append(
            Check(
                "time-stamps", not stamper.overdue, "; ".join(filter(None, [late, stamper.trouble]))
            )
        )
    if core.config.ledger is not None:
        told = core.config.ledger()
        found.append(Check(str(told["name"]), told["ok"] is True, str(told["detail"])))
    return found


def answer(core: Core, stamper: Stamper | None) -> tuple[int, Headers, bytes]:
    """Return the answer of `/healthz`: 200, or 503 with the reason."""
    found = checks(core, stamper)
    healthy = all(check.ok for check in found)
    body = json.dumps({"healthy": healthy, "checks": [asdict(check) for check in found]})
    return 200 if healthy else 503, [(b"content-type", b"application/json")], body.encode()
