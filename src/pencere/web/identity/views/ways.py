"""What the pages of all means to sign in share: who need not, where to, why not, which other."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from pencere.web.doors import safe_address
from pencere.web.texts import current_language, t, texts

# Name of the route, key of the label: the means in the order in which they are offered.
WAYS = (
    ("sign_in", "sign_in.way_phone"),
    ("sign_in_sima", "sign_in.way_sima"),
    ("sign_in_card", "sign_in.way_card"),
)


def ways(request: HttpRequest, here: str, next_address: str) -> list[dict[str, object]]:
    """Return the means as tabs; each leads to the same place afterwards."""
    query = {"next": next_address}
    if "again" in request.GET or "again" in request.POST:
        query["again"] = "1"
    return [
        {"label": t(key), "href": f"{reverse(name)}?{urlencode(query)}", "is_here": name == here}
        for name, key in WAYS
    ]


def already_in(request: HttpRequest) -> bool:
    """Say whether the person is in, and no other system asks to prove it afresh."""
    is_again = "again" in request.GET or request.method == "POST"
    return getattr(request, "visit", None) is not None and not is_again


def home(address: str | None) -> str:
    """Where to go after signing in: back, or to the person's own page."""
    back = safe_address(address)
    if back in ("/", f"/{current_language()}/"):
        return f"/{current_language()}/"
    return back


def sentence(outcome: str, **facts: object) -> str:
    """Say why a sign-in ended; a reason without a sentence of its own gets the general one."""
    key = f"error.{outcome}"
    known = texts()
    if key in known and known[key].placeholders <= facts.keys():
        return t(key, **{name: facts[name] for name in known[key].placeholders})
    return t("sign_in.failed")
