"""Tables of payments."""

from pencere.web.payments.models.charge import Callback, Charge, ChargeEvent, Refund
from pencere.web.payments.models.entry import Entry

__all__ = ["Callback", "Charge", "ChargeEvent", "Entry", "Refund"]
