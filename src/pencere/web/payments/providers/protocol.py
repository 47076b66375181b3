"""What every payment provider must be able to do."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Outcome = Literal["paid", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a provider is asked to collect. `amount` is in qəpik."""

    charge: uuid.UUID
    amount: int
    description: Mapping[str, str]
    language: str
    return_url: str
    callback_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """A provider's word on a charge, after its signature was found good."""

    event: str
    charge: uuid.UUID
    outcome: Outcome
    amount: int
    reference: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider's answer to a question. `notice` is None while nothing is decided."""

    known: bool
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of a provider's statement. `number` is the charge's or the refund's."""

    kind: Literal["payment", "refund"]
    number: str
    charge: str
    amount: int
    reference: str
    at: datetime


class Provider(Protocol):
    """One way to pay."""

    name: str

    def redirect(self, order: Order, *, at: datetime) -> str:
        """Return the address the person is sent to; signed, so that no sum can be changed."""

    def read_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        """Return what a callback says.

        Raises:
            Refused: not signed by the provider, or too old.
            Invalid: signed, and not of the agreed form.
        """

    def ask(self, charge: uuid.UUID, *, at: datetime) -> Standing:
        """Ask where a charge stands. Raises Unavailable when there is no answer."""

    def refund(self, *, charge: uuid.UUID, refund: uuid.UUID, amount: int, at: datetime) -> None:
        """Give money back; the same refund twice is one.

        Raises:
            Unavailable: no answer; try again.
            Refused: the provider will not.
        """

    def statement(self, *, begin: datetime, end: datetime, at: datetime) -> tuple[Line, ...]:
        """Return what moved in [begin, end). Raises Unavailable when there is no answer."""
