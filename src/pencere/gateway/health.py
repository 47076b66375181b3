"""`/healthz` of a node: whether it can carry, and if not, why."""

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime

from pencere.gateway.exchange.core import Core
from pencere.gateway.log.stamps import Stamper
from pencere.gateway.renewal import Renewer, is_due
from pencere.gateway.status import StatusWatch
from pencere.gateway.wire.head import Headers


@dataclass(frozen=True)
class Witnesses:
    """Whoever knows how the node is."""

    core: Core
    stamper: Stamper | None = None
    status: StatusWatch | None = None
    renewer: Renewer | None = None


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    name: str
    ok: bool
    detail: str


def checks(witnesses: Witnesses) -> list[Check]:
    """Return what was looked at; all are known without asking anybody."""
    core, stamper = witnesses.core, witnesses.stamper
    now = core.now()
    found = [
        *_directory(core, now),
        _certificate(witnesses, now),
        Check("clock", core.clocks.is_right, core.clocks.told),
        Check("workers", not core.worker_trouble, core.worker_trouble or "all run"),
        Check("identity", not core.not_alone, core.not_alone or "nobody else is this node"),
        Check("log", core.log.is_available, core.log.trouble or f"{core.log.depth} entries wait"),
        _disk(core),
        Check("node-file", not core.node_file.trouble, core.node_file.trouble or "read"),
        Check("capacity", core.in_flight < core.config.in_flight, f"{core.in_flight} in work"),
        Check("accepting", not core.is_stopping, "stopping" if core.is_stopping else "yes"),
        # That another node is away is told, and is no illness of this one.
        Check("peers", True, core.observer.peers_told(core.loop.time())),
    ]
    if witnesses.status is not None:
        found.append(Check("peer-status", True, witnesses.status.trouble or "answers are fresh"))
    records = core.observer.records
    if records is not None:
        told = f"{records.depth} records wait, {records.dropped} dropped"
        found.append(Check("monitoring", True, told))
    if stamper is not None:
        late = f"oldest without time-stamp {stamper.unstamped_s:.0f} s"
        found.append(
            Check(
                "time-stamps", not stamper.overdue, "; ".join(filter(None, [late, stamper.trouble]))
            )
        )
    if core.config.ledger is not None:
        ledger = core.config.ledger()
        found.append(Check(str(ledger["name"]), ledger["ok"] is True, str(ledger["detail"])))
    return found


def answer(witnesses: Witnesses) -> tuple[int, Headers, bytes]:
    """Return the answer of `/healthz`: 200, or 503 with the reason."""
    found = checks(witnesses)
    healthy = all(check.ok for check in found)
    body = json.dumps({"healthy": healthy, "checks": [asdict(check) for check in found]})
    return 200 if healthy else 503, [(b"content-type", b"application/json")], body.encode()


def _directory(core: Core, now: datetime) -> list[Check]:
    directory = core.directory.newest
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
    return [
        Check("directory", is_current, state),
        Check("registered", is_known, core.config.node),
    ]


def _certificate(witnesses: Witnesses, now: datetime) -> Check:
    core = witnesses.core
    pair, directory = core.keys.current, core.directory.newest
    node = directory.nodes.get(core.config.node) if directory is not None else None
    days = (pair.certificate.not_valid_after_utc - now).total_seconds() / 86400
    begins = pair.certificate.not_valid_before_utc
    told = [f"{days:.1f} days left"]
    if now < begins:
        told.append(f"not valid before {begins:%Y-%m-%dT%H:%M:%SZ}: is the clock right")
    if node is None or pair.fingerprint not in node.signing:
        told.append("the directory does not name it")
    if is_due(pair, now):
        told.append("due for renewal")
    if witnesses.renewer is not None and witnesses.renewer.trouble:
        told.append(witnesses.renewer.trouble)
    is_good = node is not None and pair.fingerprint in node.signing and days > 0 and now >= begins
    return Check("certificate", is_good, "; ".join(told))


def _disk(core: Core) -> Check:
    """Whether the disk of the node's own files has room; the database says its own by `log`."""
    try:
        free = shutil.disk_usage(core.config.directory_cache.parent).free
    except OSError as problem:
        return Check("disk", False, str(problem))
    return Check("disk", free >= core.config.disk_free_bytes, f"{free // 2**20} MiB free")
