"""Brings what was published into this process: one small query, more only when it grew."""

import logging
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection

from pencere.kernel.errors import PencereError
from pencere.services.definition import load
from pencere.services.model.definition import Definition
from pencere.web import editions
from pencere.web.authoring.domain.checking import lay_out
from pencere.web.authoring.models import PublishedVersion, Withdrawal

log = logging.getLogger(__name__)

# Templates are compiled from a folder, so what was published is laid out once for all processes of
# the installation. The database stays what counts: the hash of every version is checked on loading.
_loaded: dict[str, Definition] = {}


def refresh() -> editions.Edition:
    """Work with the newest edition, and return it. Rows are only added: their ids tell."""
    number = _number()
    held = editions.current()
    if number != held.number:
        held = _read(number)
        editions.put(held)
    return held


def _number() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce((select max(id) from authoring_publishedversion), 0)"
            " + coalesce((select max(id) from authoring_withdrawal), 0)"
        )
        return int(cursor.fetchone()[0])


def _read(number: int) -> editions.Edition:
    rows = list(PublishedVersion.objects.all())
    published = tuple(found for row in rows if (found := _definition(row)) is not None)
    newest: dict[str, int] = {}
    for row in rows:
        newest[row.service] = max(newest.get(row.service, 0), row.version)
    withdrawn = frozenset(
        row.service for row in Withdrawal.objects.all() if row.version >= newest.get(row.service, 0)
    )
    return editions.Edition(number, published, withdrawn)


def _definition(row: PublishedVersion) -> Definition | None:
    """Return a version; None, with an alarm in the log, for one that is damaged: others go on."""
    key = f"{row.service}-{row.version}-{row.sha256}"
    if key not in _loaded:
        try:
            definition = load(_folder_of(row))
        except PencereError:
            log.exception("published_damaged service=%s version=%s", row.service, row.version)
            return None
        if definition.sha256 != row.sha256:
            log.error("published_damaged service=%s version=%s", row.service, row.version)
            return None
        _loaded[key] = definition
    return _loaded[key]


def _folder_of(row: PublishedVersion) -> Path:
    """Return the folder of a version, made by whichever process came first: whole or not at all."""
    root = Path(settings.INSTALLATION.run) / "published"
    place = root / f"{row.service}-{row.version}-{row.sha256}"
    if not place.is_dir():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(dir=root))
        lay_out(made, row.service, row.files)
        try:
            made.rename(place)
        except OSError:  # another was faster
            shutil.rmtree(made)
    return place / row.service
