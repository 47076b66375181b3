"""The services of the country and the index that finds them, made once a process."""

from collections.abc import Iterable
from functools import lru_cache

from pencere.kernel.alphabet import sort_key, upper
from pencere.services.catalogue import Catalogue, Entry
from pencere.services.search import Hit, Index
from pencere.web import editions
from pencere.web.country import country

LONGEST_QUERY = 200


def catalogue() -> Catalogue:
    """Return all services, with the versions published at the authors' desk."""
    return editions.over(Catalogue.load(country().folder))


def index() -> Index:
    """Return the index of the search."""
    return _index(editions.current())


@lru_cache(maxsize=1)
def _index(_edition: editions.Edition) -> Index:
    return Index(catalogue())


def find(words: str, language: str, limit: int) -> list[Hit]:
    """Return the services these words mean, best first; none for no words."""
    wanted = words.strip()[:LONGEST_QUERY]
    return list(index().search(wanted, language, limit)) if wanted else []


def in_alphabet(entries: Iterable[Entry], language: str) -> list[Entry]:
    """Sort by name as the language writes it."""
    return sorted(entries, key=lambda entry: place(entry.names.in_language(language), language))


def place(name: str, language: str) -> str:
    """Return the key by which a language sorts a name."""
    if language == "az":
        return sort_key(name)
    # ё is sorted as е and tells words apart only at the end; its code point would come after я.
    plain = name.casefold()
    return f"{plain.replace('ё', 'е')}\0{plain}"


def letter(name: str, language: str) -> str:
    """Return the letter under which a list shows the name."""
    first = next((character for character in name if character.isalpha()), "#")
    return upper(first) if language == "az" else first.upper()
