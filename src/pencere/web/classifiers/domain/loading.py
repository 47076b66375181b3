"""Bringing code lists to what the country's data says. May be done again; nothing is changed.

A version whose content the register has is left alone. Anything else becomes a new version with
the next number; of two from one day the later number holds, so a correction is a version too.
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction

from pencere.web.classifiers.domain.data import ListData, VersionData
from pencere.web.classifiers.models import CodeList, Entry, Version

log = logging.getLogger(__name__)


@transaction.atomic
def load(lists: Iterable[ListData], *, at: datetime) -> int:
    """Load lists; return how many versions are new. A list the data drops becomes inactive."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('classifiers.load'))")
    count, kept = 0, []
    for data in lists:
        kept.append(data.id)
        found, _ = CodeList.objects.update_or_create(
            id=data.id,
            defaults={
                "names": data.names.as_mapping(),
                "about": data.about.as_mapping(),
                "owner": data.owner,
                "source": data.source,
                "licence": data.licence,
                "is_verified": data.is_verified,
                "is_active": True,
            },
        )
        for version in data.versions:
            count += _add(found, version, at=at)
    CodeList.objects.exclude(id__in=kept).update(is_active=False)
    return count


def _add(to: CodeList, data: VersionData, *, at: datetime) -> int:
    of_list = Version.objects.filter(code_list=to)
    holding = of_list.filter(valid_from=data.valid_from).order_by("-number").first()
    if holding is not None and bytes(holding.content_sha256) == data.digest:
        return 0
    last = of_list.order_by("-number").first()
    version = Version.objects.create(
        code_list=to,
        number=1 if last is None else last.number + 1,
        valid_from=data.valid_from,
        note=data.note.as_mapping(),
        content_sha256=data.digest,
        published_at=at,
    )
    Entry.objects.bulk_create(
        Entry(
            version=version,
            code=code.code,
            names=code.names.as_mapping(),
            parent=code.parent,
            valid_from=code.valid_from,
            valid_until=code.valid_until,
            place=place,
        )
        for place, code in enumerate(data.codes)
    )
    log.info("code_list_version list=%s number=%d codes=%d", to.id, version.number, len(data.codes))
    return 1
