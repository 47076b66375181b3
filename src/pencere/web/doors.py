"""The way in, for a request that needs a person and has none."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from pencere.web.people.domain import held_forms

LONGEST_ADDRESS = 2_000


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send to the sign-in page; afterwards the person comes back to the same place.

    What was just sent in a form of an ended session is held for its owner.
    """
    if request.method in {"GET", "HEAD"}:
        back = request.get_full_path()
    else:
        back = held_forms.hold(request) or _page_of(request)
    return HttpResponseRedirect(f"{reverse('sign_in')}?{urlencode({'next': safe_address(back)})}")


def safe_address(address: str | None) -> str:
    """Return the address if it is a path of this site, the start page otherwise."""
    if (
        address
        and len(address) <= LONGEST_ADDRESS
        and address.startswith("/")
        and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
        and not any(ord(character) < 0x20 for character in address)
    ):
        return address
    return "/"


def _page_of(request: HttpRequest) -> str:
    """The address of the form itself: forms are sent to the page that shows them."""
    return request.path
