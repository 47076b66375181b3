"""Tables of the app."""

from pencere.web.satisfaction.models.answer import Answer, Asked

__all__ = ["Answer", "Asked"]
