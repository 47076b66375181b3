"""Tables of appointments."""

from pencere.web.appointments.models.slot import Booking, Slot

__all__ = ["Booking", "Slot"]
