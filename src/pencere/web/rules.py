"""Who may call a view. Every view carries exactly one rule; a test finds those without.

@rule(public)            anybody
@rule(signed_in)         a person who has signed in, for themselves
@rule(party)             a person who has signed in, for themselves or for whom they act
@rule(officer("dyp"))    who works at this body; officer() at any
@rule(role("auditor"))   who holds this role anywhere; role("head", "dyp") at this body
@rule(local)             this machine only: metrics
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from pencere.kernel.errors import Refused
from pencere.web.doors import ask_to_sign_in
from pencere.web.people.domain.visit import Visit

View = Callable[..., HttpResponse]


class Verdict(Enum):
    """What a rule says to a request."""

    OPEN = "open"
    SIGN_IN = "sign in"
    NOT_FOR_ANOTHER = "not for another"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with a name for people who read the structure."""

    name: str
    judge: Callable[[HttpRequest], Verdict]


def visit_of(request: HttpRequest) -> Visit:
    """Return who is here, in a view whose rule made sure that someone is."""
    visit: Visit | None = getattr(request, "visit", None)
    if visit is None:
        raise Refused("sign_in.needed")
    return visit


def _of_person(
    test: Callable[[Visit], bool], otherwise: Verdict = Verdict.REFUSED
) -> Callable[[HttpRequest], Verdict]:
    def judge(request: HttpRequest) -> Verdict:
        visit: Visit | None = getattr(request, "visit", None)
        if visit is None:
            return Verdict.SIGN_IN
        return Verdict.OPEN if test(visit) else otherwise

    return judge


def _from_this_machine(request: HttpRequest) -> Verdict:
    # A proxy in front speaks from this machine too, and says so in a header.
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
        return Verdict.REFUSED
    try:
        is_loopback = ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        is_loopback = False
    return Verdict.OPEN if is_loopback else Verdict.REFUSED


public = Rule("public", lambda _request: Verdict.OPEN)
signed_in = Rule(
    "signed in", _of_person(lambda visit: visit.acting is None, Verdict.NOT_FOR_ANOTHER)
)
party = Rule("signed in, for another too", _of_person(lambda _visit: True))
local = Rule("this machine", _from_this_machine)


def officer(body: str | None = None) -> Rule:
    """Let in who works at `body`, or at any body."""
    return Rule(f"officer of {body or 'any body'}", _of_person(lambda visit: visit.works_at(body)))


def role(name: str, body: str | None = None) -> Rule:
    """Let in who holds the role `name`, at `body` or anywhere."""
    return Rule(
        f"{name} of {body or 'any body'}", _of_person(lambda visit: visit.holds(name, body))
    )


def rule(a_rule: Rule) -> Callable[[View], View]:
    """Attach the rule to a view; it is judged before the view runs."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            verdict = a_rule.judge(request)
            if verdict is Verdict.SIGN_IN:
                return _ask_to_sign_in(request)
            if verdict is Verdict.REFUSED:
                raise Refused("rule.refused")
            if verdict is Verdict.NOT_FOR_ANOTHER:
                raise Refused("rule.own_affairs")
            return view(request, *args, **kwargs)

        guarded.rule = a_rule  # type: ignore[attr-defined]
        return guarded

    return decorate


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"code": "sign_in.needed"}, status=401)
    return ask_to_sign_in(request)
