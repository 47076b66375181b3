"""The person's documents. A file is given to its owner, or to who acts for them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.documents.code import DocumentCode, grouped
from pencere.web.country import country
from pencere.web.issued.domain import finding, folder
from pencere.web.issued.domain.issuing import verification_url
from pencere.web.issued.models import IssuedDocument
from pencere.web.rules import party, rule, visit_of
from pencere.web.texts import current_language

KINDS = {"valid": "good", "superseded": "warn", "revoked": "bad"}


@rule(party)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List the person's documents."""
    visit = visit_of(request)
    found = finding.documents_of(visit.party, visit.acting)
    page = {"documents": list(found), "kinds": KINDS}
    return render(request, "portal/documents/listed.jinja", page)


@rule(party)
@require_safe
def one(request: HttpRequest, code: str) -> HttpResponse:
    """Show one document: is it still good, how to show it to others."""
    document = _document(request, code)
    page = {
        "document": document,
        "kind": KINDS[document.status],
        "body": country().body(document.body).names.in_language(current_language()),
        "code": grouped(DocumentCode(document.code)),
        "address": verification_url(document.code),
    }
    return render(request, "portal/documents/one.jinja", page)


@rule(party)
@require_safe
def file(request: HttpRequest, code: str) -> HttpResponse:
    """Give the sealed PDF to its owner."""
    document = _document(request, code)
    content = folder.content_of(bytes(document.sha256))
    response = HttpResponse(content, content_type="application/pdf")
    name = f"{document.kind.rpartition('/')[2]}-{document.code}.pdf"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _document(request: HttpRequest, code: str) -> IssuedDocument:
    visit = visit_of(request)
    return finding.document_of(person=visit.party, code=code, acting=visit.acting)
