"""`pencere search TEXT`: the portal's search, from the shell."""

import json
from collections.abc import Sequence

from pencere.cli.options import parser
from pencere.countries.country import Country
from pencere.kernel.text import LANGUAGES
from pencere.services.catalogue import Catalogue
from pencere.services.search import Index


def run(arguments: Sequence[str]) -> int:
    """Print what is found, best first; exit 1 when nothing is."""
    options = parser("search", "Search the catalogue of services.")
    options.add_argument("text", nargs="+", metavar="TEXT")
    options.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
    options.add_argument("--limit", type=int, default=10, metavar="N")
    options.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    index = Index(Catalogue.load(Country.load("az").folder))
    hits = index.search(" ".join(given.text), given.lang, given.limit)
    if given.json:
        rows = [{"id": hit.id, "score": round(hit.score, 4), "name": hit.name} for hit in hits]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    for hit in () if given.json else hits:
        print(f"{hit.score:6.3f}  {hit.id:<40}{hit.name}")
    return 0 if hits else 1
