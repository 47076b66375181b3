"""The sentences for what reading finds, from `problems.yaml`."""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text

Verdict = Literal["invalid", "indeterminate"]

_VERDICTS: dict[str, Verdict] = {"invalid": "invalid", "indeterminate": "indeterminate"}


@cache
def problems() -> dict[str, tuple[Verdict, Text]]:
    """Return every problem with what it makes of a signature at best, and its sentence."""
    file = files("pencere.documents.formats") / "problems.yaml"
    found: dict[str, tuple[Verdict, Text]] = {}
    for code, written in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        try:
            verdict = _VERDICTS[written.pop("verdict")]
            found[code] = (verdict, Text.from_mapping(written))
        except Exception as error:
            raise Misconfigured(
                file="documents/formats/problems.yaml",
                key=code,
                value=str(error),
                example='{verdict: invalid, az: "Kod", en: "Code", ru: "Код"}',
            ) from error
    return found
