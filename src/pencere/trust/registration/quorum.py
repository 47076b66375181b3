"""How many officers an act needs, read from `quorum.yaml`."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from pencere.kernel.errors import Misconfigured

FILE = "quorum.yaml"


@dataclass(frozen=True)
class Quorum:
    """Different officers who must approve, and how many of them must be chiefs."""

    officers: int
    chiefs: int = 0


@cache
def quorums() -> dict[str, Quorum]:
    """Return the quorum of every kind of act that officers decide.

    Raises:
        Misconfigured: a number is missing, below one, or asks for more chiefs than officers.
    """
    file = resources.files("pencere.trust.registration") / FILE
    found: dict[str, Quorum] = {}
    for kind, given in yaml.safe_load(file.read_text("utf-8")).items():
        values = given if isinstance(given, dict) else {}
        officers, chiefs = values.get("officers"), values.get("chiefs", 0)
        if not (
            isinstance(officers, int) and isinstance(chiefs, int) and 0 <= chiefs <= officers > 0
        ):
            raise Misconfigured(file=FILE, key=kind, value=given, example="{officers: 2}")
        found[kind] = Quorum(officers, chiefs)
    return found
