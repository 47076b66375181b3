"""PAdES through the same seam: levels, a second signature, renewal; poppler and pyHanko agree."""

import asyncio
import io
import subprocess

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext
from tests.documents.conftest import tool

from pencere.documents.formats import pades
from pencere.documents.formats.pades import PdfChoices, Visible
from pencere.documents.formats.signer import sign_one
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError

LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


def signed(world, pdf, level, signer=None, **choices):
    signer = signer or world.signer
    prepared = pades.prepare(
        pdf, signer, world.services, PdfChoices(level, **choices), at=SystemClock().now()
    )
    return sign_one(signer, prepared)


def judged(world, pdf):
    """Return what pyHanko says of each signature and stamp: whole, trusted, changes allowed."""

    async def all_of_them():
        reader = PdfFileReader(io.BytesIO(pdf))
        root = asn1_x509.Certificate.load(world.trust_centre.root.public_bytes(Encoding.DER))
        said = []
        for one in reader.embedded_signatures:
            context = ValidationContext(trust_roots=[root], allow_fetching=False)
            if one.sig_object_type == "/DocTimeStamp":
                stamp = await async_validate_pdf_timestamp(one, context)
                said.append((one.field_name, stamp.intact and stamp.valid and stamp.trusted))
            else:
                status = await async_validate_pdf_signature(one, context, context)
                said.append((one.field_name, status.bottom_line))
        return said

    return asyncio.run(all_of_them())


@pytest.fixture(scope="session")
def documents(world, plain):
    return {level: signed(world, plain, level) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_valid_for_pyhanko(world, documents, level):
    stamps = [("Timestamp1", True)] if level == "B-LTA" else []
    assert judged(world, documents[level]) == [("Signature1", True), *stamps]


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_an_update_of_the_document(plain, documents, level):
    made = documents[level]

    assert made.startswith(plain)
    assert made.count(b"/SubFilter /ETSI.CAdES.detached") == 1
    assert (b"/DSS" in made) == (level in {"B-LT", "B-LTA"})
    assert (b"/DocTimeStamp" in made) == (level == "B-LTA")


@pytest.mark.parametrize("level", LEVELS)
def test_pdfsig_of_poppler_says_valid(documents, tmp_path, level):
    (tmp_path / "signed.pdf").write_bytes(documents[level])

    said = subprocess.run(
        [tool("pdfsig"), "-nocert", "signed.pdf"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    ).stdout

    assert "Signature is Valid" in said.partition("Signature #2")[0]


def test_a_second_signature_leaves_the_first_valid(world, documents):
    both = signed(world, documents["B-LT"], "B-LTA", world.second)

    assert both.startswith(documents["B-LT"])
    assert judged(world, both) == [
        ("Signature1", True),
        ("Signature2", True),
        ("Timestamp1", True),
    ]


def test_an_archive_is_renewed_by_another_time_stamp(world, documents):
    renewed = pades.extend(documents["B-LTA"], "B-LTA", world.services)

    assert renewed.startswith(documents["B-LTA"])
    assert judged(world, renewed) == [
        ("Signature1", True),
        ("Timestamp1", True),
        ("Timestamp2", True),
    ]


def test_values_are_added_without_the_signer(world, documents):
    grown = pades.extend(documents["B-T"], "B-LT", world.services)

    assert b"/DSS" in grown
    assert judged(world, grown) == [("Signature1", True)]


def test_a_visible_field_is_where_it_was_asked_for(world, plain):
    made = signed(world, plain, "B-B", visible=Visible(0, (50, 50, 250, 100)), reason="Razıyam")

    reader = PdfFileReader(io.BytesIO(made))
    (one,) = reader.embedded_signatures
    assert [float(side) for side in one.sig_field["/Rect"]] == [50, 50, 250, 100]
    assert one.sig_object["/Reason"] == "Razıyam"


def test_after_a_seal_that_allows_no_change_nobody_signs(world, plain):
    sealed = signed(world, plain, "B-B", seal=True)

    with pytest.raises(PencereError) as refusal:
        signed(world, sealed, "B-B", world.second)

    assert refusal.value.code == "sign.pdf_sealed"
    with pytest.raises(PencereError) as refusal:
        signed(world, signed(world, plain, "B-B"), "B-B", seal=True)
    assert refusal.value.code == "sign.pdf_signed_before"


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_not_signed(world, content):
    with pytest.raises(PencereError) as refusal:
        signed(world, content, "B-B")

    assert refusal.value.code == "sign.not_pdf"
    with pytest.raises(PencereError) as refusal:
        pades.extend(content, "B-LTA", world.services)
    assert refusal.value.code == "sign.not_pdf"


def test_a_signature_without_time_cannot_be_given_one_in_a_pdf(world, documents):
    with pytest.raises(PencereError) as refusal:
        pades.extend(documents["B-B"], "B-LT", world.services)

    assert refusal.value.code == "sign.level_needs_signer"
