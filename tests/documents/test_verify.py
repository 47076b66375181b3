"""Verification of files that came from anywhere, from the evidence in them alone."""

import asyncio
import io
import zlib
from datetime import timedelta

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore
from tests.documents.conftest import seal

from pencere.documents.examine import examine
from pencere.documents.formats import pades, tokens
from pencere.documents.formats.csc import CscSigner
from pencere.documents.formats.pades import PdfChoices
from pencere.documents.formats.pkcs12 import Pkcs12Signer
from pencere.documents.formats.services import NetworkServices
from pencere.documents.formats.signer import sign_one
from pencere.documents.remote import StatusEvidence
from pencere.documents.texts import texts
from pencere.documents.validation.indication import REASONS, Indication, conclude
from pencere.documents.validation.report import LARGEST_FILE_BYTES, VERDICTS, Report, Verdict
from pencere.documents.verify import verify
from pencere.kernel.clock import SystemClock
from pencere.trust.contents import Holder
from pencere.trust.store import Reason

VALID, INDETERMINATE, INVALID = Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID


@pytest.fixture(scope="module")
def archived(trust_centre, plain):
    return seal(trust_centre, plain, level="B-LTA")


def now():
    return SystemClock().now()


def seen(trust_centre, content, *, days=0):
    report = examine(content, [trust_centre.root], now() + timedelta(days=days))
    return report.verdict, report.reasons


class CarelessSigner(signers.PdfSigner):
    """Signs what must not be signed any more."""

    def _enforce_certification_constraints(self, reader):
        pass


def signed(pdf, signer, *, stamper=None):
    """Sign as a careless sender would: no evidence, no check of the certificate."""
    metadata = signers.PdfSignatureMetadata(
        field_name="Signature", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    made = CarelessSigner(metadata, signer=signer, timestamper=stamper)
    return asyncio.run(made.async_sign_pdf(writer)).getvalue()


def signer_with(key, *certificates):
    der = serialization.Encoding.DER
    loaded = [asn1_x509.Certificate.load(one.public_bytes(der)) for one in certificates]
    store = SimpleCertificateStore()
    store.register_multiple(loaded)
    private = key.private_bytes(
        der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signers.SimpleSigner(
        signing_cert=loaded[0],
        signing_key=asn1_keys.PrivateKeyInfo.load(private),
        cert_registry=store,
    )


def with_evidence(pdf, *answers):
    output = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, ocsps=[ocsp.OCSPResponse.load(one) for one in answers]
    )
    writer.write(output)
    return output.getvalue()


def test_a_sealed_document_is_valid_and_says_who_sealed_it_and_when(trust_centre, sealed):
    report = examine(sealed, [trust_centre.root], now())

    assert (report.verdict, report.level, report.reasons) == (VALID, "B-LT", ())
    assert (report.signer.name, report.signer.identifier) == ("Sınaq idarəsi", "NTRAZ-sinaq")
    assert abs(report.signed_at - now()) < timedelta(minutes=5)


def test_an_archived_document_is_of_the_long_term_level(trust_centre, archived):
    report = examine(archived, [trust_centre.root], now())

    assert (report.verdict, report.level, report.reasons) == (VALID, "B-LTA", ())


def test_the_process_with_limits_finds_the_same(trust_centre, sealed):
    at = now()

    assert verify(sealed, [trust_centre.root], at) == examine(sealed, [trust_centre.root], at)


def test_an_archived_seal_holds_after_its_certificate_has_expired(trust_centre, archived):
    seal_ends = trust_centre.service.certificates()[0].not_valid_after_utc
    assert seen(trust_centre, archived, days=(seal_ends - now()).days + 30) == (VALID, ())


def test_a_seal_that_nobody_archived_holds_as_long_as_who_gave_the_evidence(trust_centre, sealed):
    responder = trust_centre.centre.keystore.certificates("ocsp-issuing-seal")[0]
    days = (responder.not_valid_after_utc - now()).days

    assert seen(trust_centre, sealed, days=days - 1) == (VALID, ())
    assert seen(trust_centre, sealed, days=days + 2) == (
        INDETERMINATE,
        ("signer.evidence_expired",),
    )


def test_a_seal_is_indeterminate_once_its_time_stamp_has_expired(trust_centre, sealed, archived):
    stamp_ends = trust_centre.centre.keystore.certificates("tsa")[0].not_valid_after_utc
    days = (stamp_ends - now()).days + 2

    expected = (INDETERMINATE, ("signer.expired_unproven", "time_stamp.expired"))
    assert [seen(trust_centre, one, days=days) for one in (sealed, archived)] == [expected] * 2


def test_a_time_stamp_from_the_future_is_not_believed(trust_centre, sealed):
    expected = (INVALID, ("signer.not_yet_valid", "time_stamp.future"))
    assert seen(trust_centre, sealed, days=-1) == expected


def test_a_seal_of_another_country_is_indeterminate(sealed):
    key = ec.generate_private_key(ec.SECP256R1())
    foreign = self_signed(key)

    report = examine(sealed, [foreign], now())

    assert (report.verdict, report.reasons) == (
        INDETERMINATE,
        ("signer.untrusted", "time_stamp.untrusted"),
    )


def self_signed(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sınaq idarəsi")])
    usage = dict.fromkeys(
        [
            *["digital_signature", "key_encipherment", "data_encipherment", "key_agreement"],
            *["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"],
        ],
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.KeyUsage(content_commitment=True, **usage), critical=True)
        .sign(key, hashes.SHA256())
    )


def test_a_seal_that_only_carries_the_name_of_a_body_is_not_its_seal(trust_centre, plain):
    key = ec.generate_private_key(ec.SECP256R1())
    forged = signed(plain, signer_with(key, self_signed(key)))

    verdict, reasons = seen(trust_centre, forged)

    assert (verdict, reasons) == (INDETERMINATE, ("signer.untrusted", "time_stamp.missing"))


def test_a_key_for_connections_cannot_sign_a_document(trust_centre, plain):
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    chain = trust_centre.centre.issue_node_certificate(
        request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER),
        body="sinaq",
        organization="Sınaq idarəsi",
        name="node.sinaq",
        addresses=("node.sinaq.az",),
    )
    forged = stamped_with_evidence(trust_centre, plain, key, chain)

    assert seen(trust_centre, forged) == (INVALID, ("signer.wrong_purpose",))


def test_a_seal_without_time_or_evidence_is_indeterminate(trust_centre, plain):
    signer = CscSigner(trust_centre.service)
    services = NetworkServices(SystemClock())
    bare = sign_one(signer, pades.prepare(plain, signer, services, PdfChoices(), at=now()))

    assert seen(trust_centre, bare) == (
        INDETERMINATE,
        ("signer.no_evidence", "time_stamp.missing"),
    )


def test_a_seal_made_after_its_revocation_is_invalid(trust_centre, plain):
    # The service does not sign with such a key; whoever stole it does.
    centre, key = trust_centre.centre, ec.generate_private_key(ec.SECP256R1())
    subject = centre._legal_subject("legv-2", "Sınaq idarəsi", "Sınaq idarəsi")
    issuer = centre.keystore.signer("issuing-seal")
    certificate = centre.issuance.issue(
        "seal", Holder(subject, key.public_key()), issuer_name="issuing-seal", signer=issuer
    )
    centre.issuance.revoke(certificate, Reason.KEY_COMPROMISE)
    chain = [certificate, issuer.certificate]
    made = stamped_with_evidence(trust_centre, plain, key, chain)

    assert seen(trust_centre, made) == (INVALID, ("signer.revoked",))


def stamped_with_evidence(trust_centre, pdf, key, chain):
    signer = Pkcs12Signer(chain[0], chain[1:], key)
    services = NetworkServices(SystemClock(), trust_centre.tsa_url)
    made = sign_one(signer, pades.prepare(pdf, signer, services, PdfChoices("B-T"), at=now()))
    stamping = tokens.load(services.stamp(b"")).signed.certificates
    issuers = {one.subject: one for one in [*chain, *stamping, trust_centre.root]}
    answers = [
        StatusEvidence().ocsp(one, issuers[one.issuer], fresh=True)
        for one in [*chain, *stamping]
        if one.subject != one.issuer
    ]
    return with_evidence(made, *answers)


def test_a_document_that_grew_after_its_seal_is_invalid(trust_centre, sealed):
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = generic.NumberObject(90)
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)

    assert seen(trust_centre, output.getvalue()) == (INVALID, ("document.changed_after",))


def test_a_document_that_someone_signed_again_is_invalid(trust_centre, sealed):
    key = ec.generate_private_key(ec.SECP256R1())
    again = signed(sealed, signer_with(key, self_signed(key)))

    verdict, reasons = seen(trust_centre, again)

    assert verdict is INVALID
    assert "document.changed_after" in reasons


def test_bytes_behind_the_end_are_a_change(trust_centre, sealed):
    assert seen(trust_centre, sealed + b"more") == (INVALID, ("document.changed_after",))


def test_a_changed_word_is_found(trust_centre, sealed):
    changed = sealed.replace(b"/Lang", b"/Lunq", 1)

    assert changed != sealed
    assert seen(trust_centre, changed)[1] == ("signature.altered",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file.unknown"),
        (b"hello", "file.unknown"),
        (b"\x00" * (LARGEST_FILE_BYTES + 1), "file.too_large"),
        (b"%PDF-1.7\n", "file.damaged"),
        (b"%PDF-1.7\nstartxref\n9\n%%EOF", "file.damaged"),
    ],
)
def test_what_is_no_document_gets_its_reason(trust_centre, content, reason):
    assert seen(trust_centre, content) == (VERDICTS[REASONS[reason][0]], (reason,))
    assert verify(content, [trust_centre.root], now()).reasons == (reason,)


def test_a_document_without_a_seal_is_invalid(trust_centre, plain):
    assert seen(trust_centre, plain) == (INVALID, ("signature.none",))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_file_cut_anywhere_is_never_valid_and_never_raises(trust_centre, sealed, data):
    kept = data.draw(st.integers(0, len(sealed.rstrip()) - 1))

    assert seen(trust_centre, sealed[:kept])[0] is not VALID


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_byte_under_the_seal_is_never_valid_and_never_raises(
    trust_centre, plain, sealed, data
):
    place = data.draw(st.integers(0, len(plain) - 1))
    other = data.draw(st.integers(1, 255))
    changed = bytearray(sealed)
    changed[place] ^= other

    assert seen(trust_centre, bytes(changed))[0] is not VALID


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_byte_in_seal_or_evidence_never_raises(trust_centre, plain, sealed, data):
    place = data.draw(st.integers(len(plain), len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= data.draw(st.integers(1, 255))

    report = examine(bytes(changed), [trust_centre.root], now())

    # What is not under the seal may be changed without harm: padding, or evidence twice there.
    assert report.reasons or report.signer.name == "Sınaq idarəsi"


def test_a_file_that_unpacks_without_end_is_stopped(trust_centre, sealed):
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    bomb = generic.StreamObject(encoded_data=zlib.compress(bytes(200_000_000), 9))
    bomb["/Filter"] = generic.pdf_name("/FlateDecode")
    store = PdfFileReader(io.BytesIO(sealed)).root["/DSS"]
    store["/OCSPs"] = generic.ArrayObject([writer.add_object(bomb)] * 40)
    writer.root["/DSS"] = writer.add_object(generic.DictionaryObject({"/OCSPs": store["/OCSPs"]}))
    writer.update_root()
    output = io.BytesIO()
    writer.write(output)

    report = verify(output.getvalue(), [trust_centre.root], now(), budget_s=8)

    assert report.verdict is not VALID


def test_an_examination_has_its_time_and_no_more(trust_centre, sealed):
    report = verify(sealed, [trust_centre.root], now(), budget_s=0.001)

    assert (report.verdict, report.reasons) == (INDETERMINATE, ("verification.took_too_long",))


def test_a_report_reads_back_from_json(trust_centre, sealed):
    for content in (sealed, b"no"):
        report = examine(content, [trust_centre.root], now())
        assert Report.from_json(report.as_json()) == report


def test_every_reason_and_verdict_has_its_sentence():
    assert set(texts("reasons")) == set(REASONS)
    assert set(texts("verdicts")) == {verdict.value for verdict in Verdict}


def test_the_worst_reason_decides():
    found = conclude(("time_stamp.missing", "signer.revoked", "signer.untrusted"))

    assert conclude(()) == (Indication.PASSED, None)
    assert found == (Indication.FAILED, "REVOKED")
    assert conclude(("never heard of",)) == (Indication.INDETERMINATE, None)
