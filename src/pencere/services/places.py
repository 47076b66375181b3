"""What a form must know of the country: its regions, streets, plate codes and where it ends.

A context carries it under `places`; no expression reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pencere.countries.country import Country
from pencere.kernel.datafile import Node
from pencere.kernel.text import Text

MILLION = 1_000_000
FILE = "places.yaml"


@dataclass(frozen=True, slots=True)
class Places:
    """Regions by code; streets by region where the country has them; bounds in 10^-6 degrees."""

    regions: Mapping[str, Text]
    streets: Mapping[str, tuple[str, ...]]
    plate_codes: frozenset[str]
    bounds: tuple[tuple[int, int], tuple[int, int]]  # south to north, west to east

    @staticmethod
    def of(country: Country) -> "Places":
        """Read the places of a country.

        Raises:
            Misconfigured: `places.yaml` or `plate_regions.yaml` is wrong.
        """
        return _read(country.folder)


def places_in(context: Mapping[str, object]) -> Places:
    """Return the places a context carries; one without them is a mistake of the caller."""
    places = context["places"]
    assert isinstance(places, Places)  # noqa: S101, a context of ours
    return places


@lru_cache(maxsize=8)
def _read(folder: Path) -> Places:
    country = Country.load_folder(folder)
    top = Node.of_file(folder / FILE)
    streets = top.child("streets") if top.has("streets") else None
    if streets is not None:
        for code in streets.values:
            if code not in country.regions:
                raise streets.wrong(str(code), next(iter(country.regions), "none"))
    codes = Node.of_file(folder / "plate_regions.yaml")
    return Places(
        regions=MappingProxyType({code: one.names for code, one in country.regions.items()}),
        streets=MappingProxyType(
            {str(code): streets.strings(str(code), ("Sea road",)) for code in streets.values}
            if streets is not None
            else {}
        ),
        plate_codes=frozenset(str(code) for code in codes.child("codes").values),
        bounds=(_side(top, "south", "north"), _side(top, "west", "east")),
    )


def _side(top: Node, least: str, most: str) -> tuple[int, int]:
    bounds = top.child("bounds")
    ends = []
    for name in (least, most):
        value = bounds.values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 180:
            raise bounds.wrong(name, 40.4)
        ends.append(round(value * MILLION))
    if ends[0] >= ends[1]:
        raise bounds.wrong(most, "more than " + least)
    return ends[0], ends[1]
