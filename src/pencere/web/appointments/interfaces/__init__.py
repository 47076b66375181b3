"""What other apps may ask of appointments: book for a case, and give up when it is withdrawn."""

from pencere.web.appointments.domain.booking import Subject, book, cancel_for, confirm, free, hold

__all__ = ["Subject", "book", "cancel_for", "confirm", "free", "hold"]
