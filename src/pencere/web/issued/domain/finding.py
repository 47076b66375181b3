"""Finding documents: the owner's, by code, by digest."""

from django.db.models import QuerySet

from pencere.documents.code import parse_code
from pencere.kernel.errors import Missing
from pencere.web.issued.models import IssuedDocument
from pencere.web.people.models.person import Person


def documents_of(person: Person) -> QuerySet[IssuedDocument]:
    """Return the person's documents, the latest first."""
    return IssuedDocument.objects.filter(person=person).order_by("-issued_at")


def document_of(*, person: Person, code: str) -> IssuedDocument:
    """Return a document to its owner.

    Raises:
        Missing: "document.missing": no such document, or another person's.
    """
    found = IssuedDocument.objects.filter(person=person, code=code).first()
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
