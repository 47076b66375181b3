import re
import subprocess
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.documents.conftest import tool

from pencere.documents import code as codes
from pencere.documents.make import TemplateError, make_pdf
from pencere.kernel.errors import Invalid, PencereError

URL = "https://pencere.az/v/7QK2M9XH4TB6W0Z3NFPA"
TEMPLATE = """
#import "@pencere/letterhead:1.0.0": *
#show: letter.with(title: say(az: "Arayış", en: "Certificate", ru: "Справка"))
#rows(
  (say(az: "Adı", en: "Given name", ru: "Имя"), facts.given),
  (say(az: "Doğulub", en: "Born", ru: "Родился"), day(facts.born)),
  ("Boş", ""),
)
"""
FACTS = {"given": "Gülşən İsmayıl qızı Ələkbərova", "born": date(1990, 3, 5)}
DOCUMENT = {
    "authority": {"az": "Pasport idarəsi", "en": "Passport office", "ru": "Паспортный стол"},
    "number": "A-2026-17",
    "issued_on": "2026-11-22",
}


@pytest.fixture
def template(tmp_path):
    file = tmp_path / "certificate.typ"
    file.write_text(TEMPLATE)
    return file


def text_of(pdf, tmp_path):
    file = tmp_path / "made.pdf"
    file.write_bytes(pdf)
    command = [tool("pdftotext"), "-layout", str(file), "-"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [re.sub(r"\s+", " ", line).strip() for line in shown.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "az",
            [
                *["Arayış", "Verilib: 22 noyabr 2026", "Adı Gülşən İsmayıl qızı Ələkbərova"],
                *["Doğulub 5 mart 1990", "Kod: 7QK2M-9XH4T-B6W0Z-3NFPA"],
            ],
        ),
        ("en", ["Certificate", "Issued: 22 November 2026", "Born 5 March 1990"]),
        ("ru", ["Справка", "Выдан: 22 ноября 2026", "Родился 5 марта 1990"]),
    ],
)
def test_a_document_says_its_facts_in_the_language_of_the_reader(
    template, tmp_path, language, lines
):
    shown = text_of(make_pdf(template, FACTS, language, URL, document=DOCUMENT), tmp_path)

    assert [line for line in shown if line in lines] == lines
    assert not any(line.startswith("Boş") for line in shown)


def test_a_document_is_tagged_and_claims_both_archival_and_accessible_form(template):
    pdf = make_pdf(template, FACTS, "az", URL, document=DOCUMENT)

    assert re.findall(rb"<pdfaid:(?:part|conformance)>(\w)<", pdf) == [b"2", b"A"]
    assert re.findall(rb"<pdfuaid:part>(\d)<", pdf) == [b"1"]
    assert b"/Marked true" in pdf
    assert b"/Lang (az)" in pdf or b"/Lang(az)" in pdf


def test_the_same_facts_at_the_same_instant_give_the_same_bytes(template):
    made_at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    first, second = (make_pdf(template, FACTS, "az", URL, made_at=made_at) for _ in range(2))

    assert first == second


def test_a_template_that_changes_is_read_again(template, tmp_path):
    make_pdf(template, FACTS, "az", URL)
    template.write_text(TEMPLATE.replace("Arayış", "Çıxarış"))

    assert "Çıxarış" in text_of(make_pdf(template, FACTS, "az", URL), tmp_path)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (TEMPLATE + "#facts.missing", "dictionary does not contain key"),
        (TEMPLATE + '#image("secret.png")', "file not found"),
        (TEMPLATE + '#read("/etc/passwd")', "file not found"),
        (TEMPLATE + '#say(az: "Yalnız")', None),
    ],
)
def test_a_template_that_cannot_be_set_says_why(template, broken, problem):
    template.write_text(broken)
    language = "az" if problem else "ru"

    with pytest.raises(TemplateError) as refusal:
        make_pdf(template, FACTS, language, URL)

    assert refusal.value.code == "document.template"
    assert (problem or "a text has no words in ru") in str(refusal.value.facts["problem"])


@pytest.mark.parametrize(
    ("facts", "language", "url", "code"),
    [
        (FACTS, "de", URL, "text.unknown_language"),
        (FACTS, "az", "https://pencere.az/v/short", "document_code.invalid"),
        ({"given": object()}, "az", URL, "document.fact"),
    ],
)
def test_a_document_without_language_code_or_plain_facts_is_refused(
    template, facts, language, url, code
):
    with pytest.raises(Invalid) as refusal:
        make_pdf(template, facts, language, url)

    assert refusal.value.code == code


def test_facts_are_text_and_never_markup(template, tmp_path):
    hostile = '#panic("x") *b* $1$ <l> \\ // "]] @ref'
    pdf = make_pdf(template, FACTS | {"given": hostile}, "az", URL)

    assert f"Adı {hostile}" in text_of(pdf, tmp_path)


def test_codes_are_long_and_differ_and_read_back_in_groups():
    made = [codes.new_code() for _ in range(200)]

    assert len(set(made)) == 200
    assert [codes.parse_code(codes.grouped(code).lower()) for code in made] == made


@pytest.mark.parametrize(
    "typed",
    ["7QK2M-9XH4T-B6W0Z-3NFPA", "7qk2m 9xh4t b6woz 3nfpa", " 7QK2M9XH4TB6W0Z3NFPA "],
)
def test_a_code_is_read_as_people_copy_it(typed):
    assert codes.parse_code(typed) == "7QK2M9XH4TB6W0Z3NFPA"


@given(typed=st.text(max_size=70))
def test_any_text_is_a_code_or_refused(typed):
    try:
        outcome = codes.parse_code(typed)
    except PencereError as refusal:
        outcome = refusal.code
    assert outcome == "document_code.invalid" or codes.parse_code(outcome) == outcome
