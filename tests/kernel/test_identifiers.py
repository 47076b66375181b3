import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel import identifiers
from pencere.kernel.errors import Invalid

PARSERS = {
    "fin.invalid": identifiers.parse_fin,
    "voen.invalid": identifiers.parse_voen,
    "plate.invalid": identifiers.parse_plate,
    "iban.invalid": identifiers.parse_iban,
    "phone.invalid": identifiers.parse_phone,
    "postcode.invalid": identifiers.parse_postcode,
}


def outcome_of(parse, typed):
    try:
        return parse(typed)
    except Invalid as refusal:
        return refusal.code, refusal.facts


def code_of(parse, typed):
    with pytest.raises(Invalid) as refusal:
        parse(typed)
    return refusal.value.code, refusal.value.facts


@pytest.mark.parametrize("typed", ["94FMDDD", "94fmddd", " 94FM DDD ", "94fm\u00a0ddd"])
def test_a_fin_is_read_as_people_type_it(typed):
    assert identifiers.parse_fin(typed) == "94FMDDD"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "94FMDD",
        "94FMDDDD",
        "94FMDDO",
        "94FMDDI",
        "94FMDDı",
        "94FMDDİ",
        "94F\u041cDDD",
        "\u06694FMDDD",
    ],
)
def test_a_fin_of_another_form_is_refused_and_not_repeated(typed):
    assert code_of(identifiers.parse_fin, typed) == ("fin.invalid", {"value_length": len(typed)})


@pytest.mark.parametrize("typed", ["1401555071", "140 155 5071"])
def test_a_voen_with_the_right_check_digit_is_read(typed):
    assert identifiers.parse_voen(typed) == "1401555071"


def test_a_voen_of_nine_digits_gets_its_leading_zero():
    # 0*4 + 1*1 + 0*8 + 0*6 + 0*2 + 0*7 + 0*5 + 0*3 = 1
    assert identifiers.parse_voen("100000011") == "0100000011"


@pytest.mark.parametrize("typed", ["1401555081", "1401555073", "14015550711", "14O1555071"])
def test_a_voen_with_a_wrong_digit_is_refused(typed):
    assert code_of(identifiers.parse_voen, typed)[0] == "voen.invalid"


def test_the_last_digit_of_a_voen_tells_a_legal_person():
    assert identifiers.is_legal_person(identifiers.parse_voen("1401555071"))


@pytest.mark.parametrize(
    ("typed", "plate"),
    [
        ("10-AA-123", "10-AA-123"),
        ("10aa123", "10-AA-123"),
        ("10 aa 123", "10-AA-123"),
        ("101-BC-001", "101-BC-001"),
    ],
)
def test_a_plate_is_read_with_or_without_hyphens(typed, plate):
    assert identifiers.parse_plate(typed) == plate


@pytest.mark.parametrize("typed", ["10-QA-123", "1-AA-123", "10-AA-12", "10-ÇA-123", "10-AA-1234"])
def test_a_plate_of_another_form_is_refused(typed):
    assert code_of(identifiers.parse_plate, typed)[0] == "plate.invalid"


def test_an_iban_is_read_in_groups_of_four():
    typed = "AZ21 NABZ 0000 0000 1370 1000 1944"
    assert identifiers.parse_iban(typed) == "AZ21NABZ00000000137010001944"


@pytest.mark.parametrize(
    "typed", ["AZ22NABZ00000000137010001944", "DE89370400440532013000", "AZ21NABZ0000"]
)
def test_an_iban_with_wrong_check_digits_or_of_another_country_is_refused(typed):
    assert code_of(identifiers.parse_iban, typed)[0] == "iban.invalid"


@pytest.mark.parametrize(
    "typed",
    ["+994501234567", "050 123 45 67", "50-123-45-67", "00994501234567", "994 (50) 123 45 67"],
)
def test_a_phone_number_is_read_with_any_trunk_prefix(typed):
    assert identifiers.parse_phone(typed) == "+994501234567"


def test_a_fixed_line_is_a_phone_but_not_a_mobile_one():
    fixed = identifiers.parse_phone("(+994 12) 345 67 89")
    mobile = identifiers.parse_phone("055 123 45 67")

    assert (fixed, identifiers.is_mobile(fixed)) == ("+994123456789", False)
    assert identifiers.is_mobile(mobile)


@pytest.mark.parametrize(
    "typed", ["", "+7 912 345 67 89", "0501234", "011 123 45 67", "05012345678"]
)
def test_a_phone_number_outside_the_plan_is_refused(typed):
    assert code_of(identifiers.parse_phone, typed)[0] == "phone.invalid"


@pytest.mark.parametrize("typed", ["AZ1000", "az 1000", "1000", "AZ-1000"])
def test_a_postal_index_is_read_with_or_without_its_letters(typed):
    assert identifiers.parse_postcode(typed) == "AZ1000"


@pytest.mark.parametrize("code", PARSERS)
@given(typed=st.text(max_size=80))
def test_any_text_is_read_or_refused_with_its_code_and_reading_twice_changes_nothing(code, typed):
    refusal = (code, {"value_length": len(typed)})

    once = outcome_of(PARSERS[code], typed)

    assert once == refusal or outcome_of(PARSERS[code], once) == once


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ("fin.invalid", r"[0-9A-HJ-NP-Z]{7}"),
        ("plate.invalid", r"[0-9]{2}-[A-PR-VYZ]{2}-[0-9]{3}"),
        ("phone.invalid", r"\+994(50|12|99)[0-9]{7}"),
        ("postcode.invalid", r"AZ[0-9]{4}"),
    ],
)
@given(data=st.data())
def test_every_number_in_normal_form_reads_as_itself(code, pattern, data):
    number = data.draw(st.from_regex(pattern, fullmatch=True))
    assert PARSERS[code](number) == number
