"""What people read of remote signing, from `texts.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text


@cache
def section(name: str) -> dict[str, Text]:
    """Return a section of the texts, complete in all languages."""
    file = files("pencere.trust.remote") / "texts.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))[name]
    try:
        return {key: Text.from_mapping(value) for key, value in written.items()}
    except Exception as error:
        raise Misconfigured(
            file="trust/remote/texts.yaml",
            key=name,
            value=str(error),
            example='{az: "Kod", en: "Code", ru: "Код"}',
        ) from error


def phrase(name: str, key: str, language: str, **facts: object) -> str:
    """Return one text with its facts filled in."""
    return section(name)[key].in_language(language).format(**facts)
