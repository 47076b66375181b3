"""Officers sign in through the portal, and only who holds an office gets in."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from pencere.kernel.errors import Refused
from pencere.web.doors import safe_address
from pencere.web.identity.cookies import SIGN_IN_LIFE, forget_sign_in, set_session, set_sign_in
from pencere.web.identity.device import device_name
from pencere.web.identity.office.provider import Errand, Provider
from pencere.web.identity.provider.clients import OFFICE
from pencere.web.people.domain import sessions, subjects
from pencere.web.people.models.person import Person
from pencere.web.rules import public, rule
from pencere.web.texts import current_language

_SALT = "pencere office sign-in"


def _provider() -> Provider:
    installation = settings.INSTALLATION
    return Provider(
        issuer=f"{installation.address('portal')}/id",
        client_id=OFFICE,
        client_secret=installation.secret("openid/office"),
        callback=f"{installation.address('office')}/sign-in/callback",
    )


@rule(public)
@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the portal."""
    back = safe_address(request.GET.get("next"))
    errand = Errand.to(f"/{current_language()}/" if back == "/" else back)
    response = HttpResponseRedirect(_provider().address_to_ask(errand, current_language()))
    set_sign_in(response, signing.dumps(errand.as_dict(), salt=_SALT))
    return response


@rule(public)
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Take the browser back from the portal."""
    errand = _errand_of(request)
    if "error" in request.GET or "code" not in request.GET:
        raise Refused("openid.refused")
    now = settings.CLOCK.now()
    subject = _provider().subject_of(request.GET["code"], errand, at=now)
    person = subjects.person_of(subject, OFFICE)
    if person is None or not person.is_active or not person.offices.exists():
        raise Refused("office.none_held")
    token = sessions.begin(
        person=person,
        assurance=_assurance(person),
        device=device_name(request.headers.get("User-Agent", "")),
        at=now,
    )
    response = HttpResponseRedirect(errand.next_address)
    set_session(response, token)
    forget_sign_in(response)
    return response


@rule(public)
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    """Say that the visit is over; the first page would send straight back to the sign-in."""
    return render(request, "identity/pages/signed_out.jinja")


def _errand_of(request: HttpRequest) -> Errand:
    try:
        facts = signing.loads(
            request.COOKIES.get(settings.SIGN_IN_COOKIE, ""), salt=_SALT, max_age=SIGN_IN_LIFE
        )
        errand = Errand(**facts)
    except (signing.BadSignature, TypeError):
        raise Refused("openid.other_browser") from None
    if not constant_time_compare(errand.state, request.GET.get("state", "")):
        raise Refused("openid.other_browser")
    return errand


def _assurance(person: Person) -> str:
    """As surely as the person was known to the portal at the latest sign-in there."""
    latest = person.sessions.filter(role="portal").order_by("-begun_at").first()
    return "substantial" if latest is None else latest.assurance
