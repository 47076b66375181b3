"""Tables of the app, one noun a module."""

from pencere.web.catalogue.models.search import SearchFound, SearchMissed

__all__ = ["SearchFound", "SearchMissed"]
