"""A text in the three languages of the platform; Azerbaijani is written first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pencere.kernel.errors import Invalid

Language = Literal["az", "en", "ru"]
LANGUAGES: tuple[Language, ...] = ("az", "en", "ru")


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in each language; none is empty."""

    az: str
    en: str
    ru: str

    def __post_init__(self) -> None:
        for language in LANGUAGES:
            if not self.in_language(language).strip():
                raise Invalid("text.incomplete", language=language)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Self:
        """Read `{az, en, ru}` as definitions write it.

        Raises:
            Invalid: `text.incomplete` when a language is missing, empty, or not a string;
                `text.unknown_language` when there is a key beside the three.
        """
        for key in mapping:
            if key not in LANGUAGES:
                raise Invalid("text.unknown_language", language=str(key))
        words = {language: _words(mapping, language) for language in LANGUAGES}
        return cls(**words)

    def in_language(self, language: str) -> str:
        """Return the words in `language`.

        Raises:
            Invalid: `text.unknown_language`.
        """
        match language:
            case "az":
                return self.az
            case "en":
                return self.en
            case "ru":
                return self.ru
            case _:
                raise Invalid("text.unknown_language", language=language[:16])

    def as_mapping(self) -> dict[str, str]:
        """Return `{az, en, ru}`, the inverse of `from_mapping`."""
        return {"az": self.az, "en": self.en, "ru": self.ru}


def _words(mapping: Mapping[str, object], language: str) -> str:
    words = mapping.get(language)
    if not isinstance(words, str):
        raise Invalid("text.incomplete", language=language)
    return words
