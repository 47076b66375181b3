"""Tables of payments."""

from pencere.web.payments.models.charge import Callback, Charge, ChargeEvent, Refund
from pencere.web.payments.models.day import Closing, Difference, Statement, StatementLine
from pencere.web.payments.models.entry import Entry

__all__ = [
    "Callback",
    "Charge",
    "ChargeEvent",
    "Closing",
    "Difference",
    "Entry",
    "Refund",
    "Statement",
    "StatementLine",
]
