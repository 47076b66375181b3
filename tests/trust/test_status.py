"""Status answers and lists, cross-checked with openssl and pkilint."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st
from pkilint import loader, pkix, report, validation
from pkilint.pkix import crl as crl_lint
from pkilint.pkix import extension, name
from tests.trust.conftest import NOW, Enrolee, Founded, openssl, write_pem

from pencere.trust import crl, reservations, store
from pencere.trust.ocsp import MALFORMED, UNAUTHORIZED, Responder, Responders
from pencere.trust.profile import AUTHORITIES, ISSUING


def responders(founded: Founded) -> Responders:
    keystore = founded.centre.keystore
    return Responders(
        [
            Responder(name, founded.certificate(name), keystore.signer(f"ocsp-{name}"))
            for name in AUTHORITIES
        ]
    )


def ask(
    founded: Founded,
    certificate: x509.Certificate,
    algorithm: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
    issuer: x509.Certificate | None = None,
) -> ocsp.OCSPResponse:
    issuer = issuer or founded.certificate("issuing-person")
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate, issuer, algorithm or hashes.SHA256()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    request = builder.build().public_bytes(Encoding.DER)
    return ocsp.load_der_ocsp_response(answer(founded, request))


def answer(founded: Founded, request: bytes) -> bytes:
    with founded.connect() as connection:
        return responders(founded).answer(
            request, lambda name, serial: store.status(connection, name, serial), at=NOW
        )


@pytest.mark.parametrize(
    "algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]
)
def test_the_answer_names_the_certificate_in_the_hash_it_was_asked_in(
    founded: Founded, aydan: Enrolee, algorithm: hashes.HashAlgorithm
) -> None:
    response = ask(founded, aydan.signature, algorithm)

    assert (response.hash_algorithm.name, response.certificate_status, response.serial_number) == (
        algorithm.name,
        ocsp.OCSPCertStatus.GOOD,
        aydan.signature.serial_number,
    )


def test_the_nonce_comes_back_and_the_responder_is_delegated(
    founded: Founded, aydan: Enrolee
) -> None:
    response = ask(founded, aydan.signature, nonce=b"n" * 32)

    responder = response.certificates[0]
    responder.public_key().verify(
        response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256())
    )
    assert (
        response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce,
        responder.issuer,
        response.next_update_utc,
    ) == (b"n" * 32, founded.certificate("issuing-person").subject, NOW + timedelta(minutes=10))


def test_a_revoked_certificate_is_revoked_from_the_commit_on(
    founded: Founded, aydan: Enrolee
) -> None:
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)

    response = ask(founded, aydan.signature)

    assert (
        response.certificate_status,
        response.revocation_time_utc,
        response.revocation_reason,
    ) == (ocsp.OCSPCertStatus.REVOKED, NOW, x509.ReasonFlags.key_compromise)


def test_a_serial_that_was_never_used_is_revoked_in_the_extended_sense(
    founded: Founded, aydan: Enrolee
) -> None:
    never = ask(founded, mutated_serial(founded, aydan))

    extended = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.9")
    assert (
        never.certificate_status,
        never.revocation_reason,
        never.revocation_time_utc,
        [one.oid for one in never.extensions],
    ) == (
        ocsp.OCSPCertStatus.REVOKED,
        x509.ReasonFlags.certificate_hold,
        datetime(1970, 1, 1, tzinfo=UTC),
        [extended],
    )


def test_another_issuer_is_refused_even_with_our_name(founded: Founded) -> None:
    issuer = founded.certificate("issuing-person")
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(
            hashlib.sha256(issuer.subject.public_bytes()).digest(),
            issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            + b"\0" * 12,
            12345,
            hashes.SHA256(),
        )
        .build()
    )

    assert answer(founded, request.public_bytes(Encoding.DER)) == UNAUTHORIZED


def mutated_serial(founded: Founded, aydan: Enrolee) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .serial_number(aydan.signature.serial_number ^ 1)
        .subject_name(aydan.signature.subject)
        .issuer_name(aydan.signature.issuer)
        .public_key(key.public_key())
        .not_valid_before(aydan.signature.not_valid_before_utc)
        .not_valid_after(aydan.signature.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )


def test_a_certificate_that_was_perhaps_signed_is_revoked(founded: Founded) -> None:
    with founded.connect() as connection:
        reservations.reserve(
            connection,
            [
                reservations.Reservation(
                    1 << 126, "issuing-person", "seal", "x", b"", NOW, NOW + timedelta(days=9)
                )
            ],
            at=NOW,
        )
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = founded.certificate("issuing-person")
    perhaps = (
        x509.CertificateBuilder()
        .serial_number(1 << 126)
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )

    assert ask(founded, perhaps).certificate_status == ocsp.OCSPCertStatus.REVOKED


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_comes_is_answered_and_never_signed(garbage: bytes) -> None:
    assert Responders([]).answer(garbage, lambda _name, _serial: None, at=NOW) in (
        MALFORMED,
        UNAUTHORIZED,
    )


@pytest.mark.parametrize(
    "hostile",
    [
        b"0\x80\x00\x00",
        b"0\x84\xff\xff\xff\xff",
        b"0\x81\x03\x02\x01\x00",
        b"\x30" * 20_000,
        b"0\x02\x30\x00",
    ],
    ids=["indefinite", "huge length", "length not minimal", "too large", "empty"],
)
def test_hostile_requests_are_malformed(founded: Founded, hostile: bytes) -> None:
    assert answer(founded, hostile) == MALFORMED


@pytest.mark.parametrize("hash_option", [[], ["-sha256"]])
def test_openssl_asks_and_believes(founded: Founded, aydan: Enrolee, hash_option: list) -> None:
    root = write_pem(founded.folder / "root.pem", founded.root)
    issuer = write_pem(founded.folder / "issuer.pem", founded.certificate("issuing-person"))
    leaf = write_pem(founded.folder / "leaf.pem", aydan.signature)
    request, response = founded.folder / "q.der", founded.folder / "r.der"
    openssl("ocsp", *hash_option, "-issuer", issuer, "-cert", leaf, "-reqout", str(request))
    response.write_bytes(answer(founded, request.read_bytes()))

    said = openssl(
        *("ocsp", "-respin", str(response), "-reqin", str(request), "-resp_text"),
        *("-CAfile", root, "-verify_other", issuer, "-attime", str(int(NOW.timestamp()))),
    )

    assert ("Response verify OK" in said, "Cert Status: good" in said) == (True, True)


def lists(founded: Founded) -> dict[str, bytes]:
    for issuer in ISSUING:  # the root's was made at the ceremony
        made = crl.Lists(issuer, founded.centre.keystore.signer(issuer))
        with founded.connect() as connection:
            crl.renew(connection, made, founded.centre.pki, at=founded.clock.now())
    return {issuer: (founded.centre.pki / f"{issuer}.crl").read_bytes() for issuer in AUTHORITIES}


def test_openssl_finds_the_revoked_certificate_on_the_list(
    founded: Founded, aydan: Enrolee
) -> None:
    root = write_pem(founded.folder / "root.pem", founded.root)
    issuing = write_pem(
        founded.folder / "issuing.pem", *(founded.certificate(name) for name in ISSUING)
    )
    good = write_pem(founded.folder / "good.pem", aydan.authentication)
    bad = write_pem(founded.folder / "bad.pem", aydan.signature)
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)
    path = founded.folder / "lists.pem"
    path.write_bytes(
        b"".join(
            x509.load_der_x509_crl(one).public_bytes(Encoding.PEM)
            for one in lists(founded).values()
        )
    )
    options = (
        *("verify", "-x509_strict", "-crl_check_all", "-CRLfile", str(path)),
        *("-attime", str(int(NOW.timestamp())), "-CAfile", root, "-untrusted", issuing),
    )

    openssl(*options, good)
    with pytest.raises(AssertionError, match="certificate revoked"):
        openssl(*options, bad)


def test_a_list_has_the_next_number_after_a_revocation_and_stays_otherwise(
    founded: Founded, aydan: Enrolee
) -> None:
    first = lists(founded)["issuing-person"]
    same = lists(founded)["issuing-person"]
    founded.centre.issuance.revoke(aydan.signature, store.Reason.UNSPECIFIED)
    second = lists(founded)["issuing-person"]
    founded.clock.advance(crl.LIFETIME / 2)
    third = lists(founded)["issuing-person"]

    numbers = [
        x509.load_der_x509_crl(one).extensions.get_extension_for_class(x509.CRLNumber)
        for one in (first, same, second, third)
    ]
    assert [one.value.crl_number for one in numbers] == [1, 1, 3, 4]  # 2 is the first delta


def test_lists_and_answers_pass_the_linter(founded: Founded, aydan: Enrolee) -> None:
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)
    container = crl_lint.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl_lint.create_issuer_validator_container([]),
            crl_lint.create_validity_validator_container([]),
            crl_lint.create_extensions_validator_container([]),
        ],
    )
    findings = {
        issuer: report.get_findings_count(
            container.validate(loader.load_der_crl(one, issuer).root),
            validation.ValidationFindingSeverity.NOTICE,
        )
        for issuer, one in lists(founded).items()
    }

    assert findings == dict.fromkeys(AUTHORITIES, 0)
