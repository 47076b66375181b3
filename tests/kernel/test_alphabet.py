import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.alphabet import ALPHABET, fold, lower, sort_key, upper

azerbaijani = st.text(alphabet=ALPHABET + ALPHABET.replace("i", "").upper() + "İI -1", max_size=12)


def test_the_alphabet_has_32_letters_in_the_order_of_the_law():
    assert len(ALPHABET) == 32
    assert sorted(set(ALPHABET), key=sort_key) == list(ALPHABET)


def test_names_sort_as_in_a_register():
    names = ["Xədicə", "Hüseyn", "İlqar", "Iraq", "Jalə", "Qasım", "Kamal", "Ləman", "Əli", "Elçin"]

    assert sorted(names, key=sort_key) == [
        *["Elçin", "Əli", "Hüseyn", "Xədicə", "Iraq", "İlqar", "Jalə", "Kamal", "Qasım", "Ləman"]
    ]


def test_blanks_sort_before_digits_and_digits_before_letters_and_small_before_capital():
    words = ["ab", "a b", "a", "A", "a1", "1", "ä", "Я", "b"]

    assert sorted(words, key=sort_key) == ["1", "a", "A", "ä", "a b", "a1", "ab", "b", "Я"]


@given(first=st.text(max_size=8), second=st.text(max_size=8))
def test_two_texts_have_one_key_only_when_they_are_the_same_text(first, second):
    same = unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second)
    assert (sort_key(first) == sort_key(second)) == same


@given(text=azerbaijani)
def test_letters_decide_before_capitals_do(text):
    assert sort_key(lower(text)).split("\x01")[0] == sort_key(upper(text)).split("\x01")[0]


def test_the_two_letters_i_keep_apart_in_both_cases():
    assert (upper("ırmaq ilıq"), lower("IRMAQ İLIQ")) == ("IRMAQ İLIQ", "ırmaq ilıq")


def test_a_decomposed_capital_i_with_dot_is_one_letter():
    assert (lower("I\u0307"), fold("I\u0307"), lower("i\u0307")) == ("i", "i", "i")


@given(text=st.text(alphabet=ALPHABET, max_size=12))
def test_capitals_and_back_is_the_same_word(text):
    assert lower(upper(text)) == text


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Şəxsiyyət vəsiqəsi", "sexsiyyet vesigesi"),
        ("SHEXSIYYET VESIQESI", "sexsiyyet vesigesi"),
        ("İş", "is"),
        ("IŞIQ", "isig"),
        ("Khacmaz", "xacmaz"),
        ("Хачмаз", "xacmaz"),
        ("Xaçmaz", "xacmaz"),
        ("Sığorta", "sigorta"),
        ("siqorta", "sigorta"),
        ("паспорт", "pasport"),
        ("Ёлка, йод", "yolka, yod"),
        ("Шәхсијјәт вәсигәси", "sexsiyyet vesigesi"),
        ("водительское удостоверение", "voditelskoe udostoverenie"),
        ("  iki   söz ", "iki soz"),
        ("№ ½", "no 1 2"),
        ("漢字", ""),
    ],
)
def test_folding_gives_what_a_hurried_person_would_type(typed, folded):
    assert fold(typed) == folded


@given(text=st.text(max_size=20))
def test_folding_gives_small_ascii_and_folding_twice_changes_nothing(text):
    folded = fold(text)
    assert folded.isascii()
    assert folded == folded.lower()
    assert fold(folded) == folded


@given(text=st.text(max_size=12))
def test_composed_and_decomposed_text_is_the_same_text(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert (fold(composed), sort_key(composed), lower(composed), upper(composed)) == (
        *(fold(decomposed), sort_key(decomposed), lower(decomposed), upper(decomposed)),
    )
