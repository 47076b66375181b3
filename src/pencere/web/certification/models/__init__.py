"""Tables of the app."""

from pencere.web.certification.models.watch import LogPosition, Watch

__all__ = ["LogPosition", "Watch"]
