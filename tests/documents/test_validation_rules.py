"""Each rule by which an OCSP answer or a revocation list is believed or not."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pencere.documents.validation.path import validate
from pencere.kernel.clock import SystemClock

# The library dates an answer with the time it is made.
NOW = SystemClock().now().replace(microsecond=0)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Holder:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issued(subject, issuer=None, *extensions, begins=NOW - 30 * DAY, ends=NOW + 30 * DAY):
    """A certificate of `issuer`; self-signed without one. Extensions are (value, critical)."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.certificate.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


AUTHORITY = (x509.BasicConstraints(ca=True, path_length=None), True)
RESPONDING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
NO_CHECK = (x509.OCSPNoCheck(), False)
ROOT = issued("root", None, AUTHORITY)
OTHER = issued("other", None, AUTHORITY)
LEAF = issued("leaf", ROOT)
RESPONDER = issued("responder", ROOT, RESPONDING, NO_CHECK)


def answered(by=RESPONDER, *, about=LEAF, of=ROOT, **changes):
    values = {
        "status": ocsp.OCSPCertStatus.GOOD,
        "begins": NOW - DAY,
        "ends": NOW + DAY,
        "revoked_at": None,
        "algorithm": hashes.SHA1(),
        "carried": (by,),
        "extension": None,
        **changes,
    }
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about.certificate,
            issuer=of.certificate,
            algorithm=values["algorithm"],
            cert_status=values["status"],
            this_update=values["begins"],
            next_update=values["ends"],
            revocation_time=values["revoked_at"],
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    )
    if values["carried"]:
        builder = builder.certificates([one.certificate for one in values["carried"]])
    if values["extension"]:
        builder = builder.add_extension(*values["extension"])
    signing = values.get("signing", by)
    # The builder wants key and certificate to fit; a forger has no such scruples.
    return builder.sign(signing.key, hashes.SHA256()).public_bytes(Encoding.DER)


def listed(*entries, by=ROOT, begins=NOW - DAY, ends=NOW + DAY, extensions=()):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(begins)
        .next_update(ends)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for one in entries:
        builder = builder.add_revoked_certificate(one)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def revoked(holder=LEAF, at=NOW - 2 * DAY, *extensions):
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(holder.certificate.serial_number)
        .revocation_date(at)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.build()


def code(*, leaf=LEAF, ocsps=(), crls=(), at=NOW, others=(), anchors=(ROOT, OTHER)):
    found = validate(
        leaf.certificate,
        intermediates=[one.certificate for one in others],
        ocsps=ocsps,
        crls=crls,
        anchors=[one.certificate for one in anchors],
        at=at,
    )
    return found.code


GOOD, REVOKED, NOTHING = "", "path.revoked", "path.no_status"


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()])
def test_an_answer_may_name_the_certificate_with_any_usual_digest(algorithm):
    assert code(ocsps=[answered(algorithm=algorithm)]) == GOOD


def test_the_issuer_itself_may_answer():
    assert code(ocsps=[answered(ROOT, carried=())]) == GOOD


def test_an_answer_that_says_revoked_is_enough():
    says = {"status": ocsp.OCSPCertStatus.REVOKED, "revoked_at": NOW - DAY}
    assert code(ocsps=[answered(), answered(**says)]) == REVOKED
    assert code(ocsps=[answered(**says)], crls=[listed()]) == REVOKED


def test_unknown_is_never_good():
    assert code(ocsps=[answered(status=ocsp.OCSPCertStatus.UNKNOWN)]) == NOTHING


def test_without_evidence_nothing_is_known():
    assert code() == NOTHING


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (NOW - 3 * DAY, NOW - DAY, "evidence.expired"),
        (NOW - 3 * DAY, NOW, GOOD),
        (NOW + timedelta(hours=1), NOW + DAY, NOTHING),
        (NOW - DAY, None, NOTHING),
    ],
)
def test_an_answer_counts_in_its_time_only(begins, ends, expected):
    assert code(ocsps=[answered(begins=begins, ends=ends)]) == expected


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        (NO_CHECK,),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False), NO_CHECK),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False), NO_CHECK),
        (
            RESPONDING,
            NO_CHECK,
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True),
        ),
    ],
)
def test_a_responder_must_have_been_given_the_purpose(extensions):
    stranger = issued("responder", ROOT, *extensions)
    assert code(ocsps=[answered(stranger)]) == NOTHING


def test_a_responder_of_another_authority_is_not_believed():
    assert code(ocsps=[answered(issued("responder", OTHER, RESPONDING, NO_CHECK))]) == NOTHING


def test_a_responder_that_had_ended_is_not_believed():
    ended = issued("responder", ROOT, RESPONDING, NO_CHECK, ends=NOW - 2 * DAY)
    assert code(ocsps=[answered(ended)]) == "evidence.signer_expired"


def test_a_responder_that_may_be_revoked_must_be_asked_about():
    asked = issued("responder", ROOT, RESPONDING)

    assert code(ocsps=[answered(asked)]) == NOTHING
    assert code(ocsps=[answered(asked)], crls=[listed()]) == GOOD
    assert code(ocsps=[answered(asked)], crls=[listed(revoked(asked))]) != REVOKED


def test_an_answer_about_another_certificate_says_nothing():
    assert code(ocsps=[answered(about=issued("leaf", ROOT))]) == NOTHING
    assert code(ocsps=[answered(of=OTHER)]) == NOTHING


def test_a_signature_of_another_key_is_found():
    answer = asn1_ocsp.OCSPResponse.load(answered())
    basic = answer["response_bytes"]["response"].parsed
    forged = bytearray(basic["signature"].native)
    forged[-1] ^= 1
    basic["signature"] = bytes(forged)
    answer["response_bytes"]["response"] = basic
    assert code(ocsps=[answer.dump(force=True)]) == NOTHING


def test_what_is_critical_and_not_understood_makes_an_answer_useless():
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")

    assert code(ocsps=[answered(extension=(unknown, True))]) == NOTHING
    assert code(ocsps=[answered(extension=(unknown, False))]) == GOOD


@pytest.mark.parametrize("junk", [b"", b"\x30\x03\x0a\x01\x03", b"\x30\x80", b"0" * 200_000])
def test_junk_in_place_of_an_answer_or_a_list_is_nothing(junk):
    assert code(ocsps=[junk], crls=[junk]) == NOTHING


def test_a_list_says_who_is_revoked_and_who_is_not():
    assert [code(crls=[listed()]), code(crls=[listed(revoked())])] == [GOOD, REVOKED]


def test_who_is_revoked_later_was_good_before():
    later = listed(revoked(LEAF, NOW - DAY))
    assert [code(crls=[later], at=NOW - 2 * DAY), code(crls=[later], at=NOW - DAY)] == [
        # The list is of later than the first instant, but had not been issued at that "now".
        NOTHING,
        REVOKED,
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"begins": NOW - 3 * DAY, "ends": NOW - DAY}, "evidence.expired"),
        ({"begins": NOW + DAY, "ends": NOW + 2 * DAY}, NOTHING),
        ({"by": OTHER}, NOTHING),
    ],
)
def test_a_list_counts_in_its_time_and_from_its_issuer(changes, expected):
    assert code(crls=[listed(**changes)]) == expected


def scope(**changes):
    values = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **changes,
    }
    return (x509.IssuingDistributionPoint(**values), True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"only_contains_user_certs": True}, GOOD),
        ({"only_contains_ca_certs": True}, NOTHING),
        ({"only_contains_attribute_certs": True}, NOTHING),
        ({"only_some_reasons": frozenset({x509.ReasonFlags.key_compromise})}, NOTHING),
        ({"full_name": [x509.UniformResourceIdentifier("http://other.example/crl")]}, NOTHING),
        ({"full_name": [x509.DirectoryName(name("root"))]}, GOOD),
    ],
)
def test_a_list_is_good_for_what_its_scope_covers(changes, expected):
    assert code(crls=[listed(extensions=[scope(**changes)])]) == expected


def test_two_lists_that_cover_all_reasons_together_are_enough():
    flags = [one for one in x509.ReasonFlags if one.value not in {"unspecified", "removeFromCRL"}]
    halves = [
        listed(extensions=[scope(only_some_reasons=frozenset(some))])
        for some in (flags[:3], flags[3:])
    ]

    assert [code(crls=halves[:1]), code(crls=halves)] == [NOTHING, GOOD]


def test_a_delta_alone_says_nothing_and_after_its_base_it_decides():
    base = listed(
        revoked(LEAF, NOW - 2 * DAY, (x509.CRLReason(x509.ReasonFlags.certificate_hold), False))
    )
    released = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.certificate.subject)
        .last_update(NOW - timedelta(hours=1))
        .next_update(NOW + DAY)
        .add_extension(x509.CRLNumber(2), critical=False)
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
        .add_revoked_certificate(
            revoked(LEAF, NOW, (x509.CRLReason(x509.ReasonFlags.remove_from_crl), False))
        )
        .sign(ROOT.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )

    assert [code(crls=[released]), code(crls=[base]), code(crls=[base, released])] == [
        NOTHING,
        REVOKED,
        GOOD,
    ]


@pytest.mark.parametrize("is_critical", [True, False])
def test_what_is_critical_and_not_understood_makes_a_list_useless(is_critical):
    unknown = (
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
        is_critical,
    )
    expected = NOTHING if is_critical else GOOD

    assert code(crls=[listed(extensions=[unknown])]) == expected
    assert code(crls=[listed(revoked(OTHER, NOW, unknown))]) == expected


def test_a_lost_key_counts_from_when_it_was_lost():
    lost = (x509.InvalidityDate(NOW.replace(tzinfo=None) - 5 * DAY), False)
    because = (x509.CRLReason(x509.ReasonFlags.key_compromise), False)
    found = validate(
        LEAF.certificate,
        crls=[listed(revoked(LEAF, NOW - DAY, because, lost))],
        anchors=[ROOT.certificate],
        at=NOW,
    )

    assert (found.code, found.revoked_at, found.reason) == (
        REVOKED,
        NOW - 5 * DAY,
        "key_compromise",
    )


def test_a_list_issued_after_the_end_of_a_certificate_no_longer_tells_of_it():
    ended = issued("leaf", ROOT, ends=NOW - 5 * DAY)
    found = validate(
        ended.certificate, crls=[listed()], anchors=[ROOT.certificate], at=NOW - 6 * DAY
    )

    assert found.code == NOTHING


def test_an_authority_may_not_sign_lists_without_the_usage():
    usage = {
        "digital_signature": False,
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    bare = issued(
        "bare", None, AUTHORITY, (x509.KeyUsage(key_cert_sign=True, crl_sign=False, **usage), True)
    )
    leaf = issued("leaf", bare)

    assert code(leaf=leaf, crls=[listed(by=bare)], anchors=[bare]) == NOTHING
