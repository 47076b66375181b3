"""Headers that keep a page from doing what it never needs. No inline script or style anywhere."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]

# `data:` is for the small drawings inside the stylesheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self' {form_action}; base-uri 'none'; "
    "frame-ancestors 'none'; manifest-src 'self'"
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# Two years, as the preload list asks.
_ONLY_HTTPS = "max-age=63072000; includeSubDomains"


class SecurityHeaders:
    """Adds the headers, and keeps pages of persons out of every cache."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response
        self._headers = {
            **_HEADERS,
            "Content-Security-Policy": _POLICY.format(
                form_action=" ".join(settings.CSP_FORM_ACTION)
            ),
        }
        if settings.IS_SECURE:
            self._headers["Strict-Transport-Security"] = _ONLY_HTTPS

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        response = self._get_response(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        is_personal = getattr(request, "visit", None) is not None
        response.headers.setdefault(
            "Cache-Control", "no-store" if is_personal else "private, no-cache"
        )
        return response
