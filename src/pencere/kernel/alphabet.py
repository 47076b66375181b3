"""The Azerbaijani alphabet: 32 letters, two letters i, and an order of their own.

`str.upper`, `str.lower`, `str.casefold`, and sorting by code point are all wrong here.
"""
# ruff: noqa: RUF001 - letters that look alike are the subject here

import re
import unicodedata
from typing import Final

ALPHABET: Final = "abcçdeəfgğhxıijkqlmnoöprsştuüvyz"

# w stands in foreign names only; it sorts after v, as in CLDR.
_ORDER: Final = ALPHABET.replace("vy", "vwy")
_RANK: Final = {letter: chr(0x100 + rank) for rank, letter in enumerate(_ORDER)}

_DOT_ABOVE = "\u0307"

# Each sign and what stands for it in plain Latin; nothing after = means that it vanishes.
_FOLDED: Final = """
    ə=e ǝ=e ı=i ß=ss æ=ae œ=oe ø=o ł=l đ=d ð=d þ=th ħ=h \u2018= \u2019= \u02bc= '= `=
    а=a б=b в=v г=g д=d е=e ё=yo ж=j з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f
    х=x ц=ts ч=c ш=s щ=s ъ= ы=i ь= э=e ю=yu я=ya і=i
    ә=e ғ=g ҝ=g ҹ=c ө=o ү=u һ=h ј=y
"""  # the last line: the Azerbaijani Cyrillic of 1958, still typed by older people
_FOLD_TABLE: Final = str.maketrans(
    {sign: latin for sign, _, latin in (pair.partition("=") for pair in _FOLDED.split())}
)

# As typed on a telephone without our letters: kh for x, gh for ğ, sh for ş, ch for ç, zh for j.
_DIGRAPH: Final = re.compile(r"([kgscz])h+")
_DIGRAPH_LETTER: Final = {"k": "x", "g": "g", "s": "s", "c": "c", "z": "j"}


def lower(text: str) -> str:
    """Return `text` in small letters: I becomes ı, İ becomes i."""
    composed = unicodedata.normalize("NFC", text)
    return composed.replace("İ", "i").replace("I", "ı").lower().replace("i" + _DOT_ABOVE, "i")


def upper(text: str) -> str:
    """Return `text` in capitals: i becomes İ, ı becomes I."""
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.replace("i", "İ").replace("ı", "I").upper())


def sort_key(text: str) -> str:
    """Return a string whose code point order is the order of the alphabet.

    Blanks come first, then signs, digits, the letters, other scripts. Small letters and
    capitals, and foreign letters with marks, count as their base letter; only when all else is
    equal do marks and then capitals decide, so the order is total.
    """
    small = lower(text)
    primary = "".join(_ranks(character) for character in small)
    return "\x01".join([primary, small, unicodedata.normalize("NFC", text).swapcase()])


def _ranks(character: str) -> str:
    rank = _RANK.get(character)
    if rank is not None:
        return rank
    base = unicodedata.normalize("NFKD", character)
    return "".join(
        _RANK.get(part) or _outside(part) for part in base if not unicodedata.combining(part)
    )


def _outside(character: str) -> str:
    if character.isspace():
        return "\x02"
    if character.isascii():  # digits sort among themselves as they are, signs before them
        return chr(0x80 + ord(character)) if character.isdigit() else chr(3 + ord(character))
    # Above all our ranks; code points beyond the last plane do not exist, so this cannot overflow.
    return "\U0010fffd" + character


def fold(text: str) -> str:
    """Return `text` as small ASCII for search: what a hurried person would type for it.

    Marks are dropped (ə to e, ş to s, ğ to g, İ and I and ı to i), Cyrillic is transliterated,
    q counts as g and kh as x, since Latin keyboards and ears mix them. Anything without a Latin
    reading becomes a blank; blanks are single. The result is for comparing, not for reading,
    and `fold(fold(text)) == fold(text)`.
    """
    small = unicodedata.normalize("NFC", lower(text).casefold()).translate(_FOLD_TABLE)
    stripped = "".join(
        part for part in unicodedata.normalize("NFKD", small) if not unicodedata.combining(part)
    )
    latin = lower(stripped).translate(_FOLD_TABLE)
    ascii_only = "".join(part if part.isascii() else " " for part in latin)
    plain = _DIGRAPH.sub(lambda match: _DIGRAPH_LETTER[match[1]], ascii_only.replace("q", "g"))
    return " ".join(plain.split())
