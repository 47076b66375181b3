"""The sentences for what reading finds and why signing was refused, from the YAML files here."""

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


@cache
def refusals() -> dict[str, Text]:
    """Return what a person is told when a file was not signed, by the code of the error."""
    file = files("pencere.documents.formats") / "refusals.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        return {code: Text.from_mapping(one) for code, one in written.items()}
    except Exception as error:
        raise Misconfigured(
            file="documents/formats/refusals.yaml",
            key="all",
            value=str(error),
            example='{az: "Kod", en: "Code", ru: "Код"}',
        ) from error
