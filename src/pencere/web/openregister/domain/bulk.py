"""Bulk files: made by the job, whole, with date and digest; read by anybody."""

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import connection, transaction

from pencere.kernel.errors import Missing
from pencere.web.classifiers.domain.writing import guarded
from pencere.web.openregister.domain.records import OpenAgreement, OpenSystem
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.openregister.models import Bulk

KEPT = 7
MEDIA_TYPES = {"ndjson.gz": "application/gzip", "csv": "text/csv; charset=utf-8"}
COLUMNS = {
    "systems": (
        "id", "kind", "state", "owner", "name_az", "name_en", "name_ru", "purpose_az", "version",
        "published", "personal_classes", "persons", "concepts", "legal_bases", "services",
    ),
    "agreements": (
        "id", "consumer", "provider", "service", "purposes", "legal_bases", "fields", "consent",
        "first_day", "last_day", "state",
    ),
}  # fmt: skip


def make(of: Snapshot, *, at: datetime) -> int:
    """Make every file whose content changed; return how many. Older ones beyond KEPT go."""
    count = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('openregister.bulk'))")
        for kind, (rows, write_row) in _kinds(of).items():
            every = list(rows)
            lines = b"".join(
                json.dumps(one, ensure_ascii=False, sort_keys=True).encode() + b"\n"
                for one in every
            )
            packed = gzip.compress(lines, mtime=0)
            table = _table(COLUMNS[kind], map(write_row, every))
            for form, content in (("ndjson.gz", packed), ("csv", table)):
                count += _keep(kind, form, content, rows=len(every), at=at)
    return count


def newest() -> list[Bulk]:
    """Return the newest file of each kind and format."""
    return list(
        Bulk.objects.order_by("kind", "format", "-made_at", "-id").distinct("kind", "format")
    )


def file(kind: str, format_: str) -> Bulk:
    """Return a file.

    Raises:
        Missing: `open_data.no_file`.
    """
    found = (
        Bulk.objects.filter(kind=kind[:20], format=format_[:20]).order_by("-made_at", "-id").first()
    )
    if found is None:
        raise Missing("open_data.no_file")
    return found


def encoded(digest: bytes) -> str:
    """Return a digest as RFC 9530 writes it between its colons."""
    return base64.b64encode(digest).decode()


def _keep(kind: str, format_: str, content: bytes, *, rows: int, at: datetime) -> int:
    digest = sha256(content).digest()
    of_kind = Bulk.objects.filter(kind=kind, format=format_).order_by("-made_at", "-id")
    last = of_kind.first()
    if last is not None and bytes(last.sha256) == digest:
        return 0
    Bulk.objects.create(
        kind=kind,
        format=format_,
        media_type=MEDIA_TYPES[format_],
        content=content,
        sha256=digest,
        rows=rows,
        made_at=at,
    )
    old = list(of_kind.values_list("pk", flat=True)[KEPT:])
    Bulk.objects.filter(pk__in=old).delete()
    return 1


Row = dict[str, Any]


def _kinds(of: Snapshot) -> Mapping[str, tuple[Iterable[Row], Callable[[Row], list[Any]]]]:
    return {
        "systems": ((_system(one) for one in of.systems.values()), _system_row),
        "agreements": ((_agreement(one) for one in of.agreements.values()), _agreement_row),
    }


def _system(of: OpenSystem) -> Row:
    return {
        "id": of.id,
        "state": of.stage,
        "owner": of.owner,
        "version": of.version,
        "published": of.published.isoformat(),
        **of.content,
    }


def _agreement(of: OpenAgreement) -> Row:
    return dict(of.content)


def _system_row(of: Row) -> list[Any]:
    concepts = {
        field["concept"]
        for thing in of.get("objects", ())
        for field in thing.get("fields", ())
        if field.get("concept")
    }
    names, purpose = of.get("names", {}), of.get("purpose", {})
    return [
        of["id"], of.get("kind", ""), of["state"], of["owner"],
        *(names.get(one, "") for one in ("az", "en", "ru")), purpose.get("az", ""),
        of["version"], of["published"], " ".join(of.get("personal_classes", ())),
        of.get("persons", {}).get("count", ""), " ".join(sorted(concepts)),
        " ".join(one["act"] for one in of.get("legal_bases", ())), len(of.get("services", ())),
    ]  # fmt: skip


def _agreement_row(of: Row) -> list[Any]:
    def cell(key: str) -> Any:
        value = of.get(key, "")
        return " ".join(map(str, value)) if isinstance(value, list) else value

    return [cell(key) for key in COLUMNS["agreements"]]


def _table(columns: tuple[str, ...], rows: Iterable[list[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([guarded(str(cell)) for cell in row] for row in rows)
    return ("\ufeff" + out.getvalue()).encode()
