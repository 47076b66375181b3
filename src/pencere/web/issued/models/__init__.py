"""Tables of the app."""

from pencere.web.issued.models.document import IssuedDocument

__all__ = ["IssuedDocument"]
