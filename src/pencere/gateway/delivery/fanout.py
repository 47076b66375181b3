"""From the series to messages: one for each event and subscription, in the order of numbers."""

import asyncio
import json
import logging
from datetime import datetime
from uuid import uuid4

from pencere.gateway.delivery import message_pages as pages
from pencere.gateway.directory.builtin import DELIVER_EVENT
from pencere.gateway.directory.model import Directory
from pencere.gateway.events import series, types
from pencere.gateway.events.series import Published
from pencere.gateway.events.types import Subscription
from pencere.gateway.exchange.core import Core
from pencere.gateway.log.database import GONE
from pencere.gateway.messages import receipts
from pencere.gateway.messages.store import Draft
from pencere.gateway.working import called
from pencere.kernel.clock import local_date

log = logging.getLogger(__name__)
_AT_ONCE = 50
_DROP_EVERY_S = 600.0
_WAITING = """
select count(*) from gateway.message
where consumer = $1 and service = $2 and ordering = $3 and state = 'waiting' and ordering <> ''
"""


class FanOut:
    """Works until stopped."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        """Hand events over to be delivered; a database that is away is waited for."""
        core, drop_at = self._core, 0.0
        while True:
            core.events_wanted.clear()
            try:
                directory = core.directory.newest
                if directory is not None and directory.expires_at > core.now():
                    await self._all(directory)
                if core.loop.time() >= drop_at:
                    before = core.now() - core.config.delivery.kept
                    await core.series.drop(before)
                    await core.arrivals.drop(before)
                    drop_at = core.loop.time() + _DROP_EVERY_S
            except GONE as problem:
                log.error("events_not_read reason=%s", type(problem).__name__)  # noqa: TRY400
            await called(core.events_wanted, core.config.delivery.look_s)

    async def _all(self, directory: Directory) -> None:
        today = local_date(self._core.now())
        for whole in await self._core.series.types():
            publisher, _, name = whole.rpartition("/")
            found = types.subscriptions(directory, publisher, name, today)
            behind = await self._core.series.behind(whole, [one.key for one in found])
            for one in (one for one in found if one.key in behind):
                while await self._some(whole, name, one):
                    self._core.delivery_wanted.set()

    async def _some(self, whole: str, name: str, subscription: Subscription) -> bool:
        """Hand a group over; cursor and messages move together."""
        core, settings = self._core, self._core.config.delivery
        service = f"{subscription.subscriber}/{DELIVER_EVENT}"
        ordering = f"event {subscription.key}"
        async with core.pool.transaction() as connection:
            waiting: int = await connection.fetchval(
                _WAITING, subscription.agreement.consumer, service, ordering
            )
            free = min(_AT_ONCE, settings.most_of_subscription - waiting)
            if free <= 0:
                return False
            events = await core.series.after(connection, whole, subscription.key, free)
            for event in events:
                draft = self._draft(subscription, event, name, ordering, core.now())
                receipt = await asyncio.to_thread(pages.accepted, core, draft)
                await core.messages.add_with(connection, draft, receipt)
            if events:
                await series.advance(connection, subscription.key, events[-1].number)
        return bool(events) and len(events) == free

    def _draft(
        self,
        subscription: Subscription,
        event: Published,
        name: str,
        ordering: str,
        now: datetime,
    ) -> Draft:
        agreement = subscription.agreement
        body = json.dumps(
            {
                "type": event.type,
                "number": event.number,
                "id": str(event.id),
                "occurred_at": event.recorded_at.isoformat(),
                "subscription": subscription.identifier,
                "data": subscription.narrowed(event.data),
            },
            ensure_ascii=False,
        ).encode()
        said = {
            "X-Road-Client": agreement.consumer,
            "X-Road-Id": f"{event.id}:{subscription.identifier}",
            "Content-Type": "application/json",
            "Pencere-Purpose": min(agreement.purposes, default=""),
            "Pencere-Legal-Basis": min(agreement.bases, default=""),
            "Pencere-Person": event.person,
        }
        headers = [
            (key.lower().encode("ascii"), value.encode("utf-8"))
            for key, value in said.items()
            if value
        ]
        target = f"/r1/{subscription.subscriber}/{DELIVER_EVENT}/{name}"
        return Draft(
            receipt=uuid4(),
            consumer=agreement.consumer,
            message_id=said["X-Road-Id"],
            digest=receipts.digest_of("POST", target, headers, body),
            service=f"{subscription.subscriber}/{DELIVER_EVENT}",
            ordering=ordering,
            method="POST",
            target=target,
            headers=headers,
            body=body,
            accepted_at=now,
            expires_at=now + self._core.config.delivery.longest,
        )
