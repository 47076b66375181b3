"""Tables of the app, one noun a module."""

from pencere.web.classifiers.models.code_list import CodeList
from pencere.web.classifiers.models.entry import Entry
from pencere.web.classifiers.models.version import Version

__all__ = ["CodeList", "Entry", "Version"]
