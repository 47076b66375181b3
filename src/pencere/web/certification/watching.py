"""Telling people what was certified in their name."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.certification.centre import centre
from pencere.web.certification.models import LogPosition, Watch
from pencere.web.notifications.domain import inbox
from pencere.web.people.models.person import Person
from pencere.web.texts import texts

log = logging.getLogger(__name__)

KIND = "certificate"
# Asked for at most so often in one job; what is left is told by the next.
ROUNDS = 50


def is_watching(person: Person) -> bool:
    """Say whether the person is told."""
    return Watch.objects.filter(person=person).exists()


def begin(person: Person, *, at: datetime) -> None:
    """Tell the person from now on; twice is once."""
    subscription = UUID(centre().subscribe(person.fin))
    Watch.objects.update_or_create(
        person=person, defaults={"subscription": subscription}, create_defaults={
            "subscription": subscription, "since": at}
    )  # fmt: skip


def end(person: Person) -> None:
    """Tell the person no more."""
    watch = Watch.objects.filter(person=person).first()
    if watch is None:
        return
    try:
        centre().unsubscribe(str(watch.subscription))
    except Missing:
        log.info("watch_ended_already")
    watch.delete()


def tell_news(*, at: datetime) -> int:
    """Read the log on and tell who asked; return how many messages there are to tell.

    A message and the place in the log are stored together, so what a stop interrupts is told
    again, and telling it again is one message.
    """
    told = 0
    for _ in range(ROUNDS):
        position, _is_new = LogPosition.objects.get_or_create(pk=1)
        answer = centre().notices(position.next_index)
        following = int(answer["next"])
        with transaction.atomic():
            LogPosition.objects.select_for_update().get(pk=1)
            for one in answer["notices"]:
                told += _tell(one, at=at)
            LogPosition.objects.filter(pk=1, next_index=position.next_index).update(
                next_index=following
            )
        if following == position.next_index:
            break
    return told


def _tell(notice: dict[str, Any], *, at: datetime) -> int:
    watch = (
        Watch.objects.select_related("person").filter(subscription=notice["subscription"]).first()
    )
    if watch is None:
        return 0
    known = texts()
    what = {
        "certificate": "issued",
        "revocation": "revoked",
        "suspension": "suspended",
        "release": "released",
    }[str(notice["kind"])]
    profile_key = f"certification.profile.{str(notice['profile']).replace('-', '_')}"
    names = (
        known.text(profile_key) if profile_key in known else Text(*(str(notice["profile"]),) * 3)
    )
    said = {
        language: known.say(
            f"certification.told.{what}_text",
            language,
            name=names.in_language(language),
            serial=notice["serial"],
        )
        for language in ("az", "en", "ru")
    }
    inbox.tell(
        person=watch.person,
        key=f"certificate:{watch.person.pk}:{notice['index']}",
        kind=KIND,
        title=known.text(f"certification.told.{what}"),
        text=Text.from_mapping(said),
        at=at,
    )
    return 1
