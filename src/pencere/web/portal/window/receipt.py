"""The receipt of an application as a PDF: number, what was sent, by when it is decided."""

from pathlib import Path

from pencere.documents.make import make_pdf
from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, format_instant
from pencere.web.cases.domain.reading import Opened
from pencere.web.country import country
from pencere.web.issued.domain.issuing import verification_url
from pencere.web.portal.applications.shown import answer_shown
from pencere.web.texts import texts

TEMPLATE = Path(__file__).parent / "receipt.typ"


def receipt_pdf(opened: Opened, *, language: str) -> bytes:
    """Return the receipt. It is not sealed: the signed application behind it is the proof."""
    case, definition = opened.case, opened.definition
    deadline = opened.machine.clock.deadline
    say = texts().say
    rows = [
        [say("case.number", language), case.number],
        [say("case.submitted", language), format_instant(case.submitted_at, language)],
        [say("case.body", language), country().body(case.body).names.in_language(language)],
    ]
    if deadline is not None:
        rows.append([say("case.clock", language), format_date(deadline, language)])
    rows += [
        [question.ask.in_language(language), answer_shown(question, opened.answers[question.id])]
        for question in definition.questions
        if question.id in opened.answers
    ]
    return make_pdf(
        TEMPLATE,
        {
            "title": definition.names.in_language(language),
            "lead": say("case.received", language),
            "rows": rows,
            "digest": bytes(case.application_sha256).hex(),
        },
        language,
        verification_url("0" * 20),
        document={
            "authority": country().body(definition.authority).names.as_mapping(),
            "number": case.number,
            "issued_on": local_date(case.submitted_at).isoformat(),
        },
        made_at=case.submitted_at,
    )
