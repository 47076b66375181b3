"""The scheme a trusted list is kept under: a country's data file, checked when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text

# TS 119 612 clause 5.3.15: at most six months between two lists.
LONGEST = timedelta(days=183)


@dataclass(frozen=True)
class Kind:
    """A kind of service the scheme knows: type URI, words, additional information URIs."""

    type: str
    name: Text
    additional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scheme:
    """Who keeps the list, under which rules. `address` is by language."""

    territory: str
    operator: Text
    address: Mapping[str, Mapping[str, str]]
    contact: tuple[str, ...]
    name: Text
    information: Text
    notice: Text
    history_days: int
    lifetime: timedelta
    provider: Text
    trade_name: str
    kinds: Mapping[str, Kind]

    @classmethod
    def load(cls, file: Path) -> "Scheme":
        """Read the data file.

        Raises:
            Misconfigured: names the key.
        """
        try:
            written = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls._read(written)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Misconfigured(
                file=file, key=str(error), value="missing or of another kind", example="operator:"
            ) from error

    @classmethod
    def _read(cls, written: dict[str, Any]) -> "Scheme":
        lifetime = timedelta(days=int(written["next_update_days"]))
        if not timedelta(0) < lifetime <= LONGEST:
            raise ValueError("next_update_days")
        return cls(
            territory=str(written["territory"]),
            operator=Text.from_mapping(written["operator"]),
            address={one: dict(written["address"][one]) for one in ("az", "en", "ru")},
            contact=tuple(written["contact"]),
            name=Text.from_mapping(written["name"]),
            information=Text.from_mapping(written["information"]),
            notice=Text.from_mapping(written["notice"]),
            history_days=int(written["history_days"]),
            lifetime=lifetime,
            provider=Text.from_mapping(written["provider"]["name"]),
            trade_name=str(written["provider"]["trade_name"]),
            kinds={
                key: Kind(
                    one["type"], Text.from_mapping(one["name"]), tuple(one.get("additional", ()))
                )
                for key, one in written["services"].items()
            },
        )
