"""Finding documents: the owner's, by code, by digest."""

from django.db.models import QuerySet

from pencere.documents.code import parse_code
from pencere.kernel.errors import Missing
from pencere.web.issued.models import IssuedDocument
from pencere.web.people.domain.visit import Acting
from pencere.web.people.models.person import Person


def documents_of(person: Person, acting: Acting | None = None) -> QuerySet[IssuedDocument]:
    """Return a person's documents, the latest first; to who acts for them those of their power."""
    found = IssuedDocument.objects.filter(person=person)
    if acting is not None:
        found = found.filter(service__in=acting.services)
        if acting.sees_from is not None:
            found = found.filter(issued_at__gte=acting.sees_from)
    return found.order_by("-issued_at")


def document_of(*, person: Person, code: str, acting: Acting | None = None) -> IssuedDocument:
    """Return a document to its owner, or to who acts for them.

    Raises:
        Missing: "document.missing": no such document, another person's, or beyond the power.
    """
    found = documents_of(person, acting).filter(code=code).first()
    if found is None:
        raise Missing("document.missing")
    return found


def by_code(typed: str) -> IssuedDocument:
    """Return the document of a typed code.

    Raises:
        Invalid: "document_code.invalid".
        Missing: "document.missing".
    """
    found = IssuedDocument.objects.filter(code=parse_code(typed)).first()
    if found is None:
        raise Missing("document.missing")
    return found


def by_digest(sha256: bytes) -> IssuedDocument | None:
    """Return the document whose file has this digest, None when we issued no such file."""
    return IssuedDocument.objects.filter(sha256=sha256).first()
