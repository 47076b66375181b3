"""Where a page stands: its address, in the other languages too, and what goes with every page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.urls import NoReverseMatch, get_urlconf, reverse
from django.utils.http import urlencode

from pencere.kernel.text import LANGUAGES
from pencere.web.texts import current_language, t

# Names of languages in themselves.
NAMES = {"az": "Azərbaycanca", "en": "English", "ru": "Русский"}

# Offices at which a link leads somewhere; a route that is not here is everybody's.
FOR_OFFICES = {
    "queue": frozenset({"officer", "unit-head", "expert"}),
    "office_statistics": frozenset({"officer", "unit-head", "expert"}),
    "office_appointments": frozenset({"officer", "unit-head", "expert"}),
    "audit": frozenset({"auditor"}),
    "money": frozenset({"accountant"}),
    "authoring": frozenset({"catalogue-editor"}),
    "authoring_drafts": frozenset({"service-author"}),
    "registration": frozenset({"ra-officer", "ra-chief"}),
    "records": frozenset({"registrar"}),
    "register": frozenset(
        {
            "register-proposer",
            "register-approver",
            "register-security",
            "register-privacy",
            "register-signatory",
            "register-supervisor",
        }
    ),
}

# Links of the masthead by role: name of the route, key of the label, only for who signed in.
MASTHEAD = {
    "portal": (
        ("services", "frame.services", False),
        ("window", "frame.window", True),
        ("notifications", "frame.notifications", True),
    ),
    "office": (
        ("queue", "frame.queue", True),
        ("office_statistics", "office.menu.team", True),
        ("office_appointments", "appointment.office.menu", True),
        ("audit", "office.menu.audit", True),
        ("money", "money.menu", True),
        ("authoring", "office.menu.authoring", True),
        ("authoring_drafts", "office.menu.drafts", True),
        ("registration", "office.menu.registration", True),
        ("register", "stateregister.menu", True),
        ("records", "office.records.menu", True),
    ),
}
FOOTER = {
    "portal": (
        ("verify", "frame.verify"),
        ("registry", "registry.short"),
        ("open_figures", "frame.figures"),
        ("accessibility", "frame.accessibility"),
        ("personal_data", "frame.personal_data"),
        ("help", "frame.help"),
        ("about", "frame.about"),
    ),
    "office": (("office_help", "frame.help"),),
}

# How many unread things stand beside a link: name of the route -> function of the visit's person.
counters: dict[str, Callable[[object], int]] = {}


@lru_cache(maxsize=2048)
def _address(name: str, args: tuple[object, ...], language: str, urlconf: str) -> str | None:
    """Look a route up once for each language: the frame of every page asks for a dozen."""
    del language  # of this thread, by which the address is made
    try:
        return reverse(name, urlconf, args=args)
    except NoReverseMatch:
        return None


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the frame."""

    address: str
    label: str
    is_here: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """The page being answered."""

    path: str
    query: str
    role: str
    request: HttpRequest

    def in_language(self, language: str) -> str:
        """Return the same page, with the same question, in another language."""
        head, _, rest = self.path.lstrip("/").partition("/")
        path = f"/{language}/{rest}" if head in LANGUAGES else f"/{language}/"
        return f"{path}?{self.query}" if self.query else path

    @property
    def address(self) -> str:
        """The path with its query, as a link back to here."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_query(self, **facts: str | int) -> str:
        """Return this page with a changed query, e.g. another page of a list."""
        query = self.request.GET.copy()
        for name, value in facts.items():
            query[name] = str(value)
        return f"{self.path}?{urlencode(query, doseq=True)}"

    def link(self, name: str, *args: object) -> str | None:
        """Return the address of a route, None when this role has no such route."""
        return _address(name, args, current_language(), get_urlconf() or settings.ROOT_URLCONF)

    @property
    def home(self) -> str:
        """The first page of the role."""
        return f"/{current_language()}/"

    @property
    def sign_in(self) -> str | None:
        """Where to sign in, to come back here; None on the page itself."""
        there = self.link("sign_in")
        if there is None or self.path.startswith(there):
            return None
        if self.request.method != "GET" or self.path == self.home:
            return there
        return f"{there}?{urlencode({'next': self.address})}"

    def name_of(self, language: str) -> str:
        """Return the name of a language in itself."""
        return NAMES[language]

    def links(self, visit: object) -> list[Link]:
        """Return the links of the masthead for who is here."""
        found = []
        for name, key, is_personal in MASTHEAD.get(self.role, ()):
            address = self.link(name)
            if address is None or (is_personal and visit is None):
                continue
            offices = getattr(visit, "offices", ())
            if name in FOR_OFFICES and FOR_OFFICES[name].isdisjoint(o.role for o in offices):
                continue
            count = counters[name](visit) if visit is not None and name in counters else 0
            found.append(Link(address, t(key), self.path == address, count))
        return found

    def footer(self) -> list[Link]:
        """Return the links of the footer."""
        named = ((self.link(name), key) for name, key in FOOTER.get(self.role, ()))
        return [Link(address, t(key)) for address, key in named if address]

    def messages(self) -> Iterator[Message]:
        """Give each waiting notice once."""
        if settings.MESSAGES_COOKIE not in self.request.COOKIES and not hasattr(
            self.request, "_messages"
        ):
            return iter(())
        return iter(get_messages(self.request))


def place_of(request: HttpRequest) -> Place:
    """Return the place of a request."""
    return Place(
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        role=settings.ROLE,
        request=request,
    )
