"""Tables of the app, one noun a module."""

from pencere.web.openregister.models.bulk import Bulk

__all__ = ["Bulk"]
