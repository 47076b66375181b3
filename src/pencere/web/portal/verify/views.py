"""Green, amber or red, in words. What is uploaded is read in memory and kept nowhere."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_POST, require_safe

from pencere.documents.code import parse_code
from pencere.documents.texts import texts as document_texts
from pencere.documents.validation.report import EXCHANGE, Report, SignatureReport, Verdict
from pencere.documents.validation.trust_store import TrustStore
from pencere.documents.verify import verify
from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Invalid, Missing
from pencere.kernel.text import LANGUAGES
from pencere.web.country import country
from pencere.web.issued.domain import finding
from pencere.web.issued.domain.sealing import anchors
from pencere.web.issued.models import IssuedDocument
from pencere.web.issued.models.document import Status
from pencere.web.rules import public, rule
from pencere.web.stateregister.domain.reading import accord_by_code
from pencere.web.stateregister.models import Accord, Force
from pencere.web.texts import current_language, t

LARGEST_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict in words; `light` is green, amber or red."""

    light: str
    heading: str
    note: str
    rows: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...] = ()
    signatures: tuple["SignatureShown", ...] = ()


@dataclass(frozen=True, slots=True)
class SignatureShown:
    """One signature of a file, in words; `light` as for the file."""

    light: str
    heading: str
    rows: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


LIGHTS = {Verdict.VALID: "green", Verdict.INDETERMINATE: "amber", Verdict.INVALID: "red"}


@rule(public)
@require_safe
def short(request: HttpRequest, code: str) -> HttpResponse:
    """Lead from the QR to the page, in the reader's language."""
    wanted = translation.get_language_from_request(request)
    language = wanted if wanted in LANGUAGES else LANGUAGES[0]
    with translation.override(language):
        return HttpResponseRedirect(reverse("verify_code", args=[code[:64]]))


@rule(public)
@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a code or a file; a code that is given leads to its page."""
    typed = request.GET.get("code", "").strip()
    if not typed:
        return _form(request)
    try:
        return HttpResponseRedirect(reverse("verify_code", args=[parse_code(typed)]))
    except Invalid:
        return _form(request, code=typed, errors={"code": t("verify.bad_code")}, status=422)


@rule(public)
@require_safe
def by_code(request: HttpRequest, code: str) -> HttpResponse:
    """Say whether the document of a code is still good."""
    try:
        document = finding.by_code(code)
    except Invalid:
        return _form(request, code=code, errors={"code": t("verify.bad_code")}, status=422)
    except Missing:
        accord = accord_by_code(parse_code(code))
        if accord is not None:
            return _page(request, _of_accord(accord))
        answer = Answer("red", t("verify.bad"), t("verify.unknown_code"), ())
        return _page(request, answer, status=404)
    return _page(request, _of_document(document, t("verify.code_note")))


@rule(public)
@require_POST
def by_file(request: HttpRequest) -> HttpResponse:
    """Verify a file. It is read, judged and forgotten."""
    given = request.FILES.get("file")
    if given is None:
        return _form(request, errors={"file": t("verify.no_file")}, status=422)
    content = given.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        return _form(request, errors={"file": t("verify.too_large")}, status=422)
    signed = request.FILES.get("signed")
    over = signed.read(LARGEST_BYTES + 1) if signed is not None else b""
    if len(over) > LARGEST_BYTES:
        return _form(request, errors={"signed": t("verify.too_large")}, status=422)
    store = TrustStore(settings.INSTALLATION.pki)
    report = verify(
        content,
        anchors(),
        settings.CLOCK.now(),
        detached={signed.name or "signed": over} if signed is not None else None,
        lists=store.lists(),
        list_signers=store.signers(),
    )
    return _page(request, _of_report(report))


def _of_report(report: Report) -> Answer:
    reasons = tuple(_reason(code) for code in report.reasons)
    seal = _seal_rows(report)
    shown = tuple(_of_signature(one) for one in report.signatures)
    document = finding.by_digest(bytes.fromhex(report.sha256))
    if report.verdict is Verdict.INVALID:
        return Answer("red", t("verify.bad"), "", seal, reasons, shown)
    if document is not None and report.verdict is Verdict.VALID:
        known = _of_document(document, t("verify.good_note"))
        rows = (*known.rows, *seal)
        return Answer(known.light, known.heading, known.note, rows, signatures=shown)
    if report.verdict is Verdict.VALID and report.form == EXCHANGE:
        return Answer("green", t("verify.exchange"), t("verify.exchange_note"), seal,
                      signatures=shown)  # fmt: skip
    if report.verdict is Verdict.VALID:
        return Answer("amber", t("verify.foreign"), "", seal, signatures=shown)
    heading = document_texts("verdicts")[report.verdict.value].in_language(current_language())
    return Answer("amber", heading, "", seal, reasons, shown)


def _of_signature(one: SignatureReport) -> SignatureShown:
    language, words = current_language(), document_texts("report")

    def label(key: str) -> str:
        return words[key].in_language(language)

    rows = [(label("level"), f"{one.format} {one.level}")]
    if one.signer is not None:
        rows.insert(0, (label("signer"), one.signer.organization or one.signer.name))
        rows.append((label("issuer"), one.signer.issuer))
    if one.proven_at is not None:
        rows.append((label("time"), format_instant(one.proven_at, language)))
    if one.quality is not None and one.quality.word is not None:
        rows.append((label("quality"), label(one.quality.word)))
    if one.files:
        rows.append((label("files"), ", ".join(one.files)))
    heading = t(f"verify.signature_{one.verdict.value}")
    reasons = tuple(_reason(code) for code in one.reasons)
    return SignatureShown(LIGHTS[one.verdict], heading, tuple(rows), reasons)


def _of_accord(accord: Accord) -> Answer:
    """Say of an agreement on exchange who has signed it and whether it counts."""
    language = current_language()
    signed = {one.side for one in accord.signatures.all()}
    rows = tuple(
        (
            system.owner.names[language],
            t("stateregister.verify.signed") if side in signed else t("stateregister.verify.not"),
        )
        for side, system in (("consumer", accord.consumer), ("provider", accord.provider))
    )
    kind = (t("verify.kind"), t("stateregister.verify.kind", number=accord.number))
    right = accord.rights.filter(is_active=True, force=Force.IN_FORCE).first()
    if right is not None:
        return Answer("green", t("verify.good"), t("verify.code_note"), (kind, *rows))
    return Answer("amber", t("stateregister.verify.no_force"), "", (kind, *rows))


def _of_document(document: IssuedDocument, note: str) -> Answer:
    language = current_language()
    rows = [
        (t("verify.kind"), document.name[language]),
        (t("verify.issuer"), country().body(document.body).names.in_language(language)),
        (t("verify.issued"), format_instant(document.issued_at, language)),
    ]
    since = t("verify.since", time=format_instant(document.status_at, language))
    match document.status:
        case Status.REVOKED:
            return Answer("red", t("verify.revoked"), since, tuple(rows))
        case Status.SUPERSEDED:
            return Answer("amber", t("verify.superseded"), since, tuple(rows))
        case _:
            return Answer("green", t("verify.good"), note, tuple(rows))


def _seal_rows(report: Report) -> tuple[tuple[str, str], ...]:
    rows = []
    if report.signer is not None:
        rows.append((t("verify.signer"), report.signer.organization or report.signer.name))
    if report.signed_at is not None:
        rows.append((t("verify.sealed_at"), format_instant(report.signed_at, current_language())))
    return tuple(rows)


def _reason(code: str) -> str:
    return document_texts("reasons")[code].in_language(current_language())


def _form(
    request: HttpRequest,
    *,
    code: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    found = errors or {}
    page = {
        "code": code[:64],
        "errors": found,
        "summary": [{"text": text, "name": name} for name, text in found.items()],
    }
    return render(request, "portal/verify/ask.jinja", page, status=status)


def _page(request: HttpRequest, answer: Answer, *, status: int = 200) -> HttpResponse:
    return render(request, "portal/verify/answer.jinja", {"answer": answer}, status=status)
