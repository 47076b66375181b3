"""`findUsage`: who asks for whom, and the answer in the form it was asked in."""

import json
import logging

import asyncpg
import psycopg
from psycopg_pool import PoolTimeout

from pencere.gateway.directory.builtin import FIND_USAGE, GET_SUPPRESSIONS
from pencere.gateway.exchange.call import Answer, Call, Done
from pencere.gateway.exchange.usage import disclosing
from pencere.gateway.exchange.usage.asked import Form, Wish, form_of, wanted_of
from pencere.gateway.exchange.usage.telling import render
from pencere.gateway.log.database import GONE
from pencere.gateway.log.usage import Wanted
from pencere.gateway.wire.actors import fin_of
from pencere.gateway.wire.evidence import format_time
from pencere.gateway.wire.faults import Fault, Kind, server_fault

log = logging.getLogger(__name__)
JSON = [(b"content-type", b"application/json;charset=utf-8")]
_UNREADABLE = (*GONE, psycopg.Error, PoolTimeout)


def find_usage(call: Call, done: Done) -> None:
    """Answer a call of `findUsage`, in any of its forms.

    Raises:
        Fault: asked in no form that is known, or for somebody else.
    """
    try:
        form, wish = form_of(call.head.method, call.target)
    except ValueError as problem:
        raise server_fault(
            Kind.INVALID_REQUEST,
            "findUsage is asked for with POST, or GET /v2/findUsage, /v2/usagePeriod,"
            " /v2/heartbeat, /v3/findUsage, /v3/heartbeat, POST /v3/disclose",
        ) from problem
    if wish is Wish.HEARTBEAT:
        done((200, JSON, b'{"status": "OK", "message": "the log is read at each call"}'))
    elif wish is Wish.PERIOD:
        call.usage.start(_answer_period(call, done))
    elif wish is Wish.DISCLOSE:
        disclosures = disclosing.read(call.small_body)
        call.usage.start(_guarded(disclosing.disclose(call, disclosures), done))
    else:
        wanted = _wanted(call, form)
        call.usage.start(_guarded(_usages(call, form, wanted), done))


def get_suppressions(call: Call, done: Done) -> None:
    """Answer an auditor: every access that is or was kept from a person, without the person."""
    call.usage.start(_guarded(disclosing.listed(call), done))


def _wanted(call: Call, form: Form) -> Wanted:
    try:
        wanted = wanted_of(form, call.target, call.small_body)
    except ValueError as problem:
        raise server_fault(Kind.INVALID_REQUEST, _EXPECTED[form]) from problem
    facts = call.facts
    person = facts.person or wanted.person
    # Who may act for another (parent, guardian) is known to the portal alone, which asks as
    # that person; so the gateway itself gives a person's accesses to that person only.
    if not person or fin_of(facts.user) != person or (wanted.person and wanted.person != person):
        raise server_fault(
            Kind.ACCESS_DENIED,
            "findUsage answers a person about their own data:"
            " X-Road-UserId must be AZ and the FIN of Pencere-Person (or of userCode)",
        )
    return wanted


_EXPECTED = {
    Form.OWN: (
        'the body must be like {"offset": 0, "limit": 50}, besides it'
        ' "before": "2026-11-22T09:00:00Z" or "exchange": a UUID; at most 100 at once'
    ),
    Form.V2: "the query must be like ?periodStart=2026-11-22T09:00:00Z&offset=0&limit=1000",
    Form.V3: "the query must be like ?processingType=DATA_RESPONSE&offset=0&limit=1000",
}


async def _usages(call: Call, form: Form, wanted: Wanted) -> Answer:
    if wanted.is_nothing:
        return 200, JSON, render(form, [], total=0, offset=wanted.offset, directory=call.directory)
    provider = call.target.provider
    total, accesses = await call.usage.accesses(
        provider,
        call.facts.person or wanted.person,
        wanted,
        without=[f"{provider}/{code}" for code in (FIND_USAGE, GET_SUPPRESSIONS)],
        now=call.core.now(),
    )
    content = render(form, accesses, total=total, offset=wanted.offset, directory=call.directory)
    return 200, JSON, content


async def _answer_period(call: Call, done: Done) -> None:
    async def period() -> Answer:
        oldest = await call.usage.oldest(call.target.provider)
        start = format_time(oldest or call.core.now())
        return 200, JSON, json.dumps({"periodStart": start}).encode()

    await _guarded(period(), done)


async def _guarded(work: disclosing.Work, done: Done) -> None:
    try:
        answer = await work
    except Fault as fault:
        done(fault)
        return
    except (*_UNREADABLE, asyncpg.PostgresError) as problem:
        log.error("find_usage_failed reason=%s", type(problem).__name__)  # noqa: TRY400
        done(server_fault(Kind.LOGGING_FAILED, "the log cannot be read now; ask again"))
        return
    done(answer)
