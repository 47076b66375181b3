"""Officers of the registration authority: who they are, appointing and dismissing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin
from pencere.web.certification.centre import centre
from pencere.web.certification.words import when, word
from pencere.web.office.registration.opening import new_id, open_and_go
from pencere.web.office.who import registrar
from pencere.web.rules import rule
from pencere.web.texts import t

ROLES = ("ra-officer", "ra-chief")


@rule(registrar)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """List the officers; open the act that makes or ends one."""
    typed = {name: request.POST.get(name, "").strip() for name in ("fin", "role", "act")}
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            fin = parse_fin(typed["fin"])
        except Invalid:
            errors["fin"] = t("office.registration.fin_wrong")
        else:
            if typed["act"] == "dismiss":
                return open_and_go(
                    request, "dismiss", back=reverse("registration_officers"), subject=fin
                )
            if typed["role"] in ROLES:
                return open_and_go(
                    request,
                    "appoint",
                    back=reverse("registration_officers"),
                    subject=fin,
                    details={"role": typed["role"]},
                )
            errors["role"] = t("office.registration.role_missing")
    page = {
        "officers": [
            [
                one["name"],
                word("role", one["role"]),
                when(one["appointed_at"]),
                when(one.get("ended_at")) or t("office.registration.in_office"),
            ]
            for one in centre().officers()
        ],
        "form": typed,
        "errors": errors,
        "summary": [{"name": name, "text": said} for name, said in errors.items()],
        "roles": [{"value": one, "label": word("role", one)} for one in ROLES],
        "act_id": new_id(),
    }
    return render(
        request, "office/registration/pages/officers.jinja", page, status=400 if errors else 200
    )
