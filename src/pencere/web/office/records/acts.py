"""What a registrar does: enter, amend, correct or annul a record.

The register decides. What it refuses is said beside the field, with all that was typed; a press
repeated does nothing twice; a record that a colleague changed meanwhile is not overwritten.
"""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.dates import parse_date
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.web.exchange import Record, gateway
from pencere.web.office.case.deciding import as_words
from pencere.web.office.records import fields
from pencere.web.office.records.fields import Shape, shapes
from pencere.web.office.records.look import Opened, opened
from pencere.web.office.records.views import PAGES, facts_of, said_of
from pencere.web.office.who import keeper
from pencere.web.rules import rule, visit_of
from pencere.web.texts import t

ACTS = ("amend", "correct", "annul")
MAX_REASON = 500
_DAYS = {"valid_from.future": "day_future", "valid_from.before_current": "day_before",
         "valid_from.after_current": "day_after"}  # fmt: skip


@dataclass
class Form:
    """A form as it is filled in; `there` is the record it changes."""

    here: Opened
    act: str
    shapes: list[Shape]
    there: Record | None
    version: int
    once: str
    values: dict[str, str | list[str]]
    reason: str = ""
    valid_from: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    status: int = 200


@rule(keeper)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, look: str) -> HttpResponse:
    """Enter a new record about the person of the look-up."""
    here = _changing(request, look)
    return _answer(request, _form(request, here, "create", None))


@rule(keeper)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, look: str, record: int, act: str) -> HttpResponse:
    """Amend, correct or annul a record."""
    here = _changing(request, look)
    if act not in ACTS:
        raise Missing("records.act_unknown")
    there = gateway().read(register=here.look.register, record=record, purpose=here.purpose)
    return _answer(request, _form(request, here, act, there))


def _changing(request: HttpRequest, look: str) -> Opened:
    here = opened(visit_of(request), look, at=settings.CLOCK.now())
    if not here.may_change:
        raise Refused("records.only_looked")
    return here


def _form(request: HttpRequest, here: Opened, act: str, there: Record | None) -> Form:
    definition, sent = here.definition, request.POST
    names = (
        ()
        if act == "annul"
        else tuple(
            name for name in definition.disclosure[here.look.purpose] if name != definition.subject
        )
    )
    asked = shapes(definition, names)
    if act == "create" and definition.numbering is not None:
        # The register gives the number where none is typed.
        given = definition.numbering.field
        asked = [replace(one, is_required=False) if one.name == given else one for one in asked]
    if request.method == "POST":
        return Form(
            here, act, asked, there, _version(sent.get("version", "")), _once(sent.get("once", "")),
            {shape.name: fields.sent(shape, sent) for shape in asked},
            as_words(sent.get("reason")), sent.get("valid-from", "").strip()[:20],
        )  # fmt: skip
    data = there.data if there is not None else {}
    values = {shape.name: fields.typed_from(shape, data.get(shape.name)) for shape in asked}
    return Form(here, act, asked, there, there.version if there else 0, str(uuid4()), values)


def _answer(request: HttpRequest, form: Form) -> HttpResponse:
    if request.method != "POST":
        return _page(request, form)
    operation = _operation(request, form)
    if form.errors:
        form.status = 400
        return _page(request, form)
    look = form.here.look
    try:
        done = gateway().transact(
            register=look.register,
            operations=[operation],
            purpose=form.here.purpose,
            # Of this officer: nobody is answered with what another's press did.
            idempotency_key=f"desk-{visit_of(request).person.pk}-{form.once}",
        )
    except (Refused, Conflict, Unavailable) as refusal:
        _say(form, refusal)
        return _page(request, form)
    messages.success(request, t(f"office.records.done.{form.act}"))
    return HttpResponseRedirect(reverse("records_record", args=[form.here.token, done[0].id]))


def _operation(request: HttpRequest, form: Form) -> dict[str, Any]:
    """Return what is asked of the register; what is missing is noted in the form."""
    operation: dict[str, Any] = {"op": form.act, "reason": form.reason}
    if not 1 <= len(form.reason) <= MAX_REASON:
        form.errors["reason"] = t("office.records.reason_wrong", limit=MAX_REASON)
    if form.valid_from:
        try:
            operation["valid_from"] = parse_date(form.valid_from).isoformat()
        except Invalid:
            form.errors["valid-from"] = t(
                "office.records.wrong_date", field=t("office.records.valid_from")
            )
    elif form.act != "correct":
        form.errors["valid-from"] = t("office.records.needed", field=t("office.records.valid_from"))
    if form.there is not None:
        operation |= {"id": form.there.id, "version": form.version}
    if form.act != "annul":
        kept = form.there.data if form.there is not None else {}
        data, wrong = fields.read(form.shapes, request.POST, kept)
        form.errors |= {fields.PREFIX + name: said for name, said in wrong.items()}
        subject, look = form.here.definition.subject, form.here.look
        if subject in form.here.definition.disclosure[look.purpose]:
            data[subject] = look.person
        operation["data"] = data
    return operation


def _say(form: Form, refusal: Refused | Conflict | Unavailable) -> None:
    """Say beside the field, or at the head of the page, why the register did not do it."""
    form.status = refusal.status
    code = refusal.code
    if code in _DAYS:
        form.errors["valid-from"] = t(f"office.records.{_DAYS[code]}")
        form.status = 400
        return
    wrong = refusal.facts.get("fields", ())
    assert isinstance(wrong, tuple)  # noqa: S101  # of the gateway's client
    by_name = {shape.name: shape for shape in form.shapes}
    for name in wrong:
        if name in by_name:
            form.errors[fields.PREFIX + name] = fields.refusal(by_name[name])
    if form.errors:
        form.status = 400
        return
    said = {"register.changed": "changed", "register.key_taken": "key_taken"}.get(code)
    if said is None:
        said = "away" if isinstance(refusal, Unavailable) else "refused"
    form.errors[""] = t(f"office.records.{said}")


def _page(request: HttpRequest, form: Form) -> HttpResponse:
    here = form.here
    all_fields = shapes(here.definition, here.definition.disclosure[here.look.purpose])
    return render(
        request,
        f"{PAGES}/form.jinja",
        {
            "form": form,
            "said": said_of(here),
            "back": reverse("records_record", args=[here.token, form.there.id])
            if form.there is not None
            else reverse("records_found", args=[here.token]),
            "facts": facts_of(all_fields, form.there) if form.there is not None else [],
            "summary": [{"text": text, "name": name} for name, text in form.errors.items()],
            "limit": MAX_REASON,
        },
        status=form.status,
    )


def _version(sent: str) -> int:
    if sent.isascii() and sent.isdigit() and len(sent) < 10:
        return int(sent)
    raise Invalid("request.field", field="version")


def _once(sent: str) -> str:
    try:
        return str(UUID(sent))
    except ValueError:
        raise Invalid("request.field", field="once") from None
