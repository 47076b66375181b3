"""The sentences of this plane, from `texts.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

from pencere.documents.formats.texts import problems
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text


@cache
def texts(section: str) -> dict[str, Text]:
    """Return the texts of a section of `texts.yaml`, complete in all languages."""
    file = files("pencere.documents") / "texts.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))[section]
    try:
        found = {key: Text.from_mapping(value) for key, value in written.items()}
    except Exception as error:
        raise Misconfigured(
            file="documents/texts.yaml",
            key=section,
            value=str(error),
            example='{az: "Kod", en: "Code", ru: "Код"}',
        ) from error
    if section == "reasons":
        # What reading finds has its sentences beside the readers.
        return {code: text for code, (_, text) in problems().items()} | found
    return found
