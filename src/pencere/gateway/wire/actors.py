"""Who acts: the person whose data it is, another person, or a system without one.

`X-Road-UserId` is free text in X-Road. Here it is the country and a FIN for a person; anything
else names a system that acts by itself.
"""

from collections.abc import Mapping
from enum import Enum

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin

_COUNTRY = "AZ"


class Actor(Enum):
    """As the log and the ledger have it."""

    NOBODY = ""
    SELF = "self"
    PERSON = "person"
    SYSTEM = "system"


def fin_of(user: str) -> str:
    """Return the FIN of a user identifier, empty when it names no person."""
    if user[: len(_COUNTRY)].upper() != _COUNTRY:
        return ""
    try:
        return parse_fin(user[len(_COUNTRY) :])
    except Invalid:
        return ""


def actor_of(user: str, person: str) -> Actor:
    """Say who `user` is to the data of `person` (a FIN, empty when it is about nobody)."""
    return actor_with(user, fin_of(user), person)


def actor_with(user: str, fin: str, person: str) -> Actor:
    """Say the same when the FIN of `user` is known already; it is empty for a system."""
    if not user:
        return Actor.NOBODY
    if not fin:
        return Actor.SYSTEM
    return Actor.SELF if fin == person else Actor.PERSON


def user_of(values: Mapping[bytes, bytes]) -> str:
    """Return who acts, as sent; `values` are the headers by lower-case name."""
    return values.get(b"x-road-userid", b"").decode("latin-1").strip()
