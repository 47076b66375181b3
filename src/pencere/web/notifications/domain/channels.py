"""Ways out of the house: what they are called, whose addresses they have, how much they carry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Phone, is_mobile, parse_email, parse_phone
from pencere.web.notifications.models import Contact, Mobile


class Carrier(Protocol):
    """Who takes a message over: a mail server, a provider of text messages."""

    def send(self, *, to: str, subject: str, text: str, key: str, at: datetime) -> int:
        """Hand one message over; return how many parts are paid for, 0 where nothing is.

        The same `key` is the same message, as far as the protocol can say so.

        Raises:
            Unavailable: come again.
            Refused: it is never taken.
        """


@dataclass(frozen=True, slots=True)
class Channel:
    """`name` stands in deliveries, `words` before the keys of texts; `reaches` are its rows.

    `people` is how many are written to in one run, which is a minute.
    """

    name: str
    words: str
    reaches: Any
    parse: Callable[[str], str]
    people: int


def _mobile(typed: str) -> Phone:
    number = parse_phone(typed)
    if not is_mobile(number):
        raise Invalid("phone.not_mobile")
    return number


EMAIL = Channel("email", "mail", Contact.objects, parse_email, people=100)
SMS = Channel("sms", "sms", Mobile.objects, _mobile, people=60)
CHANNELS: Mapping[str, Channel] = MappingProxyType({one.name: one for one in (EMAIL, SMS)})
