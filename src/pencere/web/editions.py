"""Versions of services this process knows besides the files: what the authors' desk published.

`web.authoring` reads them from the database and puts them here; every plane of the web takes its
catalogue through `over`, and needs no restart when a version is published or a service withdrawn.
"""

from dataclasses import dataclass
from functools import lru_cache

from pencere.services.catalogue import Catalogue
from pencere.services.model.definition import Definition


@dataclass(frozen=True, eq=False)
class Edition:
    """The published state as one process read it. `number` grows with every publication."""

    number: int = 0
    published: tuple[Definition, ...] = ()
    withdrawn: frozenset[str] = frozenset()


class _Holder:
    edition = Edition()


_held = _Holder()


def current() -> Edition:
    """Return the edition this process works with."""
    return _held.edition


def put(edition: Edition) -> None:
    """Work with another edition from now on; requests under way end with what they have."""
    _held.edition = edition


def over(files: Catalogue) -> Catalogue:
    """Return the catalogue of the files with what was published."""
    edition = _held.edition
    if not edition.published and not edition.withdrawn:
        return files
    return _merged(_Files(files), edition)


@dataclass(frozen=True, eq=False)
class _Files:
    catalogue: Catalogue

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Files) and other.catalogue is self.catalogue

    def __hash__(self) -> int:
        return id(self.catalogue)


@lru_cache(maxsize=4)
def _merged(files: _Files, edition: Edition) -> Catalogue:
    return files.catalogue.with_published(edition.published, edition.withdrawn)
