"""Issuing a document: made from a template, sealed by the body, kept, and put into the log.

The order is: make, seal, write the file, then one transaction with the row, its leaf and whatever
the caller stores beside. A stop before the transaction leaves a file nobody points to; the next
run makes a document with another code.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from pencere.documents.code import new_code
from pencere.kernel.text import Text
from pencere.web.issued.domain import folder, sealing
from pencere.web.issued.models import IssuedDocument
from pencere.web.issued.models.document import Status
from pencere.web.leaves import add_leaf
from pencere.web.people.models.person import Person

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What to issue. `key` makes it one; `values` fill the template."""

    key: str
    person: Person
    kind: str
    name: Text
    service: str
    case: str
    body: str
    language: str
    template: Path
    values: Mapping[str, Any]


def issue(order: Order, *, at: datetime) -> IssuedDocument:
    """Return the issued document, made if there is none under this key.

    Raises:
        Unavailable: the seal or the time stamp cannot be had now.
    """
    found = IssuedDocument.objects.filter(key=order.key).first()
    if found is not None:
        return found
    code = new_code()
    content = sealing.sealed_pdf(
        template=order.template,
        values=order.values,
        language=order.language,
        verification_url=verification_url(code),
        body=order.body,
        number=order.case,
        at=at,
    )
    digest = folder.keep(content)
    return _record(order, code, digest, len(content), at=at)


def verification_url(code: str) -> str:
    """Return the address behind the QR of a document."""
    return f"{settings.INSTALLATION.address('portal')}/v/{code}"


@transaction.atomic
def _record(
    order: Order, code: str, digest: bytes, size_bytes: int, *, at: datetime
) -> IssuedDocument:
    leaf = {
        "body": order.body,
        "case": order.case,
        "code": code,
        "holder": order.person.digest.hex(),
        "issued_at": at.isoformat(timespec="milliseconds"),
        "kind": order.kind,
        "sha256": digest.hex(),
    }
    before = IssuedDocument.objects.select_for_update().filter(key=order.key).first()
    if before is not None:
        return before
    document = IssuedDocument.objects.create(
        code=code,
        key=order.key,
        person=order.person,
        kind=order.kind,
        name=order.name.as_mapping(),
        service=order.service,
        case=order.case,
        body=order.body,
        language=order.language,
        sha256=digest,
        size_bytes=size_bytes,
        issued_at=at,
        status_at=at,
        leaf_hash=add_leaf("document", leaf),
    )
    log.info("document_issued kind=%s case=%s", order.kind, order.case)
    return document


@transaction.atomic
def supersede(*, person: Person, kind: str, by: IssuedDocument, at: datetime) -> int:
    """Mark the person's earlier valid documents of a kind as replaced; return how many."""
    earlier = IssuedDocument.objects.select_for_update().filter(
        person=person, kind=kind, status=Status.VALID
    )
    count = 0
    for document in earlier.exclude(pk=by.pk):
        _change(document, Status.SUPERSEDED, reason="replaced", at=at, by=by)
        count += 1
    return count


@transaction.atomic
def revoke(*, code: str, reason: str, at: datetime) -> IssuedDocument:
    """Withdraw a document; it stays withdrawn. `reason` is a code of the texts."""
    document = IssuedDocument.objects.select_for_update().get(code=code)
    if document.status != Status.REVOKED:
        _change(document, Status.REVOKED, reason=reason, at=at)
    return document


def _change(
    document: IssuedDocument,
    status: Status,
    *,
    reason: str,
    at: datetime,
    by: IssuedDocument | None = None,
) -> None:
    document.status, document.status_at, document.status_reason = status, at, reason
    document.superseded_by = by
    document.save(update_fields=["status", "status_at", "status_reason", "superseded_by"])
    add_leaf(
        "document-status",
        {
            "at": at.isoformat(timespec="milliseconds"),
            "code": document.code,
            "reason": reason,
            "status": str(status),
        },
    )
