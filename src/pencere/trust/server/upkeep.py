"""What the service does by itself: lists renewed, expired things forgotten, the clock marked."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool

from pencere.kernel.errors import Unavailable
from pencere.trust import crl, devices, reservations, sessions
from pencere.trust.profile import AUTHORITIES
from pencere.trust.remote import activation, consents, enrolment, tokens, vault
from pencere.trust.server.state import State
from pencere.trust.store import only_row

log = logging.getLogger(__name__)

# Lists are renewed at half of their life: less than this, and their publisher has stopped.
LEFT_S = 6 * 3600
LIST_LOOKED_AT = timedelta(minutes=1)
PERHAPS_SIGNED_AFTER = timedelta(minutes=5)


def load_mark(state: State) -> None:
    """Take up the latest instant that the clock was seen to show before the start.

    The time-stamps of this start have serial numbers of their own.
    """
    with state.pool.connection() as connection:
        state.time_stamps.run(only_row(connection, "select nextval('trust.tsa_run')")[0])
        row = connection.execute("select seen from trust.clock_mark where name = 'tsa'").fetchone()
    if row is not None:
        state.steady_clock.mark = max(state.steady_clock.mark, row[0])


def upkeep(state: State) -> None:
    """Do everything that is due."""
    now = state.clock.now()
    state.steady_clock.check()
    with state.pool.connection() as connection:
        for serial in reservations.condemn(connection, before=now - PERHAPS_SIGNED_AFTER, at=now):
            log.warning("certificate_perhaps_issued serial=%s", serial.hex())
        sessions.forget_expired(connection, at=now)
        devices.forget_expired(connection, at=now)
        for credential in vault.destroy_revoked(connection, at=now):
            log.info("remote_key_destroyed credential=%s", credential)
        for kept in (activation, consents, enrolment, tokens):
            kept.forget_expired(connection, at=now)
    with contextlib.suppress(Unavailable), state.pool.connection() as connection:
        connection.execute(
            "insert into trust.clock_mark (name, seen) values ('tsa', %s) on conflict (name)"
            " do update set seen = greatest(trust.clock_mark.seen, excluded.seen)",
            (state.steady_clock.now(),),
        )
    for lists in state.lists:
        with state.pool.connection() as connection:
            crl.renew(connection, lists, state.config.pki, at=now)
    _keep_trusted_list(state, now)


def _keep_trusted_list(state: State, now: datetime) -> None:
    last = state.trusted_list_at
    if state.trusted_list is None or (last is not None and now - last < LIST_LOOKED_AT):
        return
    with state.pool.connection() as connection:
        state.trusted_list.renew(connection, state.services(), at=now)
    state.trusted_list_at = now


def checks(state: State) -> list[dict[str, object]]:
    """Return what `/healthz` tells."""
    found: list[dict[str, object]] = []

    def add(name: str, detail: str, *, ok: bool) -> None:
        found.append({"name": name, "ok": ok, "detail": detail})

    now = state.clock.now()
    try:
        with state.pool.connection(timeout=2) as connection:
            for issuer in AUTHORITIES:
                ends_at = crl.ends(connection, issuer)
                for scope, ends in ends_at.items():
                    left = (ends - now).total_seconds()
                    state.metrics.list_seconds.labels(issuer, scope).set(left)
                # A list that nobody renews is told of before it ends.
                left = (min(ends_at.values()) - now).total_seconds() if ends_at else 0.0
                kinds = f"{len(ends_at)} lists, " if len(ends_at) > 1 else ""
                add(f"crl {issuer}", f"{kinds}{left / 3600:.0f} hours left", ok=left > LEFT_S)
        add("database", "answers", ok=True)
    except Exception as error:
        add("database", type(error).__name__, ok=False)
    if state.ledger is not None:
        found.append(state.ledger())
    try:
        state.steady_clock.now()
        add("clock", "goes forward", ok=True)
    except Unavailable as error:
        add("clock", str(error), ok=False)
    for name in ("tsa", *(f"ocsp-{one}" for one in AUTHORITIES)):
        ends = state.config.keystore.certificates(name)[0].not_valid_after_utc
        add(f"certificate {name}", f"until {ends:%Y-%m-%d}", ok=ends > now)
    sure = "in memory" if state.memory.is_sure else "read for each answer: no news arrives"
    add("status", f"{sure}, {state.answers.presigned_count} answers signed ahead", ok=True)
    add("notices", "listening" if state.news.is_listening else "not listening", ok=True)
    return found


@asynccontextmanager
async def keeping_up(state: State) -> AsyncIterator[None]:
    """Do upkeep at intervals while the application runs."""

    async def forever() -> None:
        while True:
            try:
                await run_in_threadpool(upkeep, state)
            except Exception:
                log.exception("upkeep_failed")
            await asyncio.sleep(state.config.upkeep_interval_s)

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
