"""The page of messages, as the desk and the window both show it."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Conflict, Invalid
from pencere.web.cases.domain import messages
from pencere.web.cases.domain.messages import Said
from pencere.web.cases.models import Case
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.people.models.person import Person
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class Side:
    """Who reads and writes, and the pages around."""

    person: Person
    is_body: bool
    may_write: bool
    back: str
    here: str


def talk(request: HttpRequest, case: Case, side: Side) -> HttpResponse:
    """Show the messages of a case; write one when there is something to send."""
    if request.method != "POST":
        return _page(request, case, side)
    text = _plain(request.POST.get("text", ""))
    form = _form(request.POST.get("form", ""))
    try:
        messages.write(
            case=case, author=side.person, from_body=side.is_body, text=text, form=form,
            at=settings.CLOCK.now(),
        )  # fmt: skip
    except Invalid as refusal:
        said = fault_of(refusal).sentence(current_language())
        return _page(request, case, side, text=text, form=form, error=said)
    except Conflict as refusal:  # decided meanwhile
        notes.warning(request, fault_of(refusal).sentence(current_language()))
        return HttpResponseRedirect(side.here)
    notes.success(request, t("message.sent"))
    return HttpResponseRedirect(side.here)


def _page(  # noqa: PLR0913, a form is all of these
    request: HttpRequest,
    case: Case,
    side: Side,
    *,
    text: str = "",
    form: UUID | None = None,
    error: str = "",
) -> HttpResponse:
    found = messages.read(
        case=case, reader=side.person, as_body=side.is_body, at=settings.CLOCK.now()
    )
    page = {
        "case": case,
        "back": side.back,
        "lead": t("message.lead_officer") if side.is_body else t("message.lead_applicant"),
        "said": [_shown(one) for one in found],
        "may_write": side.may_write,
        "form": form or uuid4(),
        "text": text,
        "error": error,
        "summary": [{"name": "text", "text": error}] if error else [],
    }
    return render(request, "cases/pages/messages.jinja", page, status=422 if error else 200)


def _shown(one: Said) -> dict[str, object]:
    language = current_language()
    read = one.read_at
    return {
        "who": country().body(one.body).names.in_language(language)
        if one.from_body
        else t("message.applicant"),
        "at": format_instant(one.at, language),
        "mark": t("message.read", time=format_instant(read, language))
        if read is not None
        else t("message.not_read"),
        "lines": [line for line in one.text.split("\n") if line.strip()],
    }


def _plain(sent: str) -> str:
    lines = sent.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in lines if sign == "\n" or sign.isprintable()).strip()


def _form(sent: str) -> UUID:
    try:
        return UUID(sent)
    except ValueError:
        return uuid4()
