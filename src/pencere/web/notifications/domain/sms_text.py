"""What a text message costs: letters of GSM 03.38, parts of 3GPP TS 23.040.

In the GSM alphabet a message holds 160 letters and each part of a longer one 153; with any other
letter the whole is UCS-2, 70 and 67. Azerbaijani (ə, ğ, ı, ş) and Cyrillic are not in it.
"""
# ruff: noqa: RUF001 - letters that look alike are the subject here

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")  # each behind an escape: two places
# Each sign and what stands for it; nothing after = means that it vanishes.
_PLAIN: Final = """
    ə=e Ə=E ı=i İ=I ğ=g Ğ=G ş=s Ş=S ç=c –=- —=- «=" »=" ’=' “=" ”="
    а=a б=b в=v г=g д=d е=e ё=yo ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s
    т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya
    А=A Б=B В=V Г=G Д=D Е=E Ё=Yo Ж=Zh З=Z И=I Й=Y К=K Л=L М=M Н=N О=O П=P Р=R С=S
    Т=T У=U Ф=F Х=Kh Ц=Ts Ч=Ch Ш=Sh Щ=Shch Ъ= Ы=Y Ь= Э=E Ю=Yu Я=Ya
"""
_LATIN: Final = str.maketrans(
    {sign: latin for sign, _, latin in (pair.partition("=") for pair in _PLAIN.split())}
)


def parts_of(text: str) -> int:
    """Return how many parts a text is sent and paid as; an empty one is one."""
    if all(sign in _BASIC or sign in _EXTENDED for sign in text):
        widths = [1 + (sign in _EXTENDED) for sign in text]
        return _parts(widths, alone=160, each=153)
    # UTF-16: a sign beyond the basic plane takes two places, and a part does not split it.
    return _parts([1 + (ord(sign) > 0xFFFF) for sign in text], alone=70, each=67)


def in_latin(text: str) -> str:
    """Return a text in letters that cost less, where the operator prefers that."""
    return text.translate(_LATIN)


def _parts(widths: list[int], *, alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, filled = 1, 0
    for width in widths:
        if filled + width > each:
            parts, filled = parts + 1, 0
        filled += width
    return parts
