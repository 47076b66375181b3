"""The cookies of signing in: all HttpOnly, SameSite=Lax, Secure where the address is https."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse

from pencere.web.people.domain.sessions import LONGEST

SIGN_IN_LIFE = timedelta(minutes=10)


def set_session(response: HttpResponse, token: str) -> None:
    """Hand the browser the token of a session."""
    _set(response, settings.SESSION_COOKIE, token, LONGEST)


def forget_session(response: HttpResponse) -> None:
    """Take the token back."""
    _forget(response, settings.SESSION_COOKIE)


def set_sign_in(response: HttpResponse, token: str) -> None:
    """Bind a sign-in that waits to this browser."""
    _set(response, settings.SIGN_IN_COOKIE, token, SIGN_IN_LIFE)


def forget_sign_in(response: HttpResponse) -> None:
    """Nothing waits any more."""
    _forget(response, settings.SIGN_IN_COOKIE)


def _set(response: HttpResponse, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(life.total_seconds()),
        httponly=True,
        secure=settings.IS_SECURE,
        samesite="Lax",
    )


def _forget(response: HttpResponse, name: str) -> None:
    response.delete_cookie(name, samesite="Lax")
