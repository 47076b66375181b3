"""RFC 7030 over the same listener: what an EST client sends, and what hostile ones get."""

import base64
import socket
import ssl
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from tests.trust.acme.listener import Listener
from tests.trust.conftest import openssl

from pencere.kernel.clock import FixedClock
from pencere.trust.server.machines import OwnCertificate
from pencere.trust.store import Reason

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def csr_for(key: Key, *names: str, subject: x509.Name | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    if names:
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(n)) for n in names])
        builder = builder.add_extension(alternative, critical=False)
    request = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return base64.encodebytes(request)


def call(
    listener: Listener, path: str, body: bytes | None = None, **options: Any
) -> requests.Response:
    return requests.request(
        "GET" if body is None else "POST",
        f"{listener.base_url}/.well-known/est/{path}",
        data=body,
        headers={"Content-Type": "application/pkcs10"},
        verify=str(listener.anchors),
        timeout=10,
        **options,
    )


def certificates(answer: requests.Response) -> list[x509.Certificate]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))


def write_pair(folder: Path, key: Key, *chain: x509.Certificate) -> tuple[str, str]:
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    (folder / "client.crt").write_bytes(pem)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "client.key").write_bytes(plain)
    return str(folder / "client.crt"), str(folder / "client.key")


def test_the_authorities_are_given_to_everyone(listener: Listener) -> None:
    found = certificates(call(listener, "cacerts"))

    keys = listener.centre.keystore
    assert {one.serial_number for one in found} == {
        keys.certificates(name)[0].serial_number for name in ("root", "issuing-infrastructure")
    }


def test_the_attributes_are_what_openssl_reads(listener: Listener, tmp_path: Path) -> None:
    answer = call(listener, "csrattrs")
    (tmp_path / "attributes.der").write_bytes(base64.b64decode(answer.content))

    said = openssl("asn1parse", "-inform", "DER", "-in", str(tmp_path / "attributes.der"))

    names = [line.rsplit(":", 1)[1] for line in said.splitlines() if "OBJECT" in line]
    assert names == ["id-ecPublicKey", "prime256v1", "ecdsa-with-SHA256"]


def test_a_machine_enrols_and_renews_itself(listener: Listener, tmp_path: Path) -> None:
    binding, secret = listener.bind()
    key, next_key = new_key(), new_key()
    request = csr_for(key, "127.0.0.2")

    (first,) = certificates(call(listener, "simpleenroll", request, auth=(binding.id, secret)))
    (same,) = certificates(call(listener, "simpleenroll", request, auth=(binding.id, secret)))
    above = listener.centre.keystore.certificates("issuing-infrastructure")[0]
    pair = write_pair(tmp_path, key, first, above)
    (second,) = certificates(
        call(listener, "simplereenroll", csr_for(next_key, "127.0.0.2"), cert=pair)
    )

    assert (first, first.public_key()) == (same, key.public_key())
    assert (second.subject, second.public_key()) == (first.subject, next_key.public_key())
    assert second.serial_number != first.serial_number
    openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", str(listener.anchors)),
        *("-untrusted", pair[0], pair[0]),
    )


def test_a_label_names_the_profile(listener: Listener) -> None:
    binding, secret = listener.bind()
    (found,) = certificates(
        call(
            listener,
            "tls-service/simpleenroll",
            csr_for(new_key(), "127.0.0.1"),
            auth=(binding.id, secret),
        )
    )

    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]
    assert call(listener, "seal/simpleenroll", b"", auth=(binding.id, secret)).status_code == 400


def test_who_proves_nothing_gets_nothing(listener: Listener) -> None:
    binding, secret = listener.bind()
    request = csr_for(new_key(), "127.0.0.1")
    answers = [
        call(listener, "simpleenroll", request),
        call(listener, "simpleenroll", request, auth=(binding.id, secret[::-1])),
        call(listener, "simpleenroll", request, auth=("nobody", secret)),
        call(listener, "simplereenroll", request),
        call(listener, "simplereenroll", request, auth=(binding.id, secret)),
    ]

    assert [one.status_code for one in answers] == [401] * 5
    assert answers[0].headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"!",
        base64.encodebytes(b"\x30\x82\xff\xff"),
        csr_for(new_key()),
        csr_for(new_key(), "10.1.2.3"),
        csr_for(ec.generate_private_key(ec.SECP521R1()), "127.0.0.1"),
        b"A" * 30_000,
    ],
)
def test_requests_that_cannot_be_certified_are_refused(listener: Listener, body: bytes) -> None:
    binding, secret = listener.bind()

    answer = call(listener, "simpleenroll", body, auth=(binding.id, secret))

    assert answer.status_code == 400


def test_a_renewal_keeps_names_and_subject(listener: Listener, tmp_path: Path) -> None:
    binding, secret = listener.bind()
    key = new_key()
    (leaf,) = certificates(
        call(listener, "simpleenroll", csr_for(key, "127.0.0.1"), auth=(binding.id, secret))
    )
    pair = write_pair(tmp_path, key, leaf)
    other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    bodies = (
        csr_for(new_key(), "127.0.0.2"),
        csr_for(new_key(), "127.0.0.1", "127.0.0.2"),
        csr_for(new_key()),
        csr_for(new_key(), "127.0.0.1", subject=other),
    )

    found = [call(listener, "simplereenroll", body, cert=pair).status_code for body in bodies]
    listener.centre.issuance.revoke(leaf, Reason.SUPERSEDED)
    revoked = call(listener, "simplereenroll", csr_for(new_key(), "127.0.0.1"), cert=pair)

    assert (found, revoked.status_code) == ([400] * 4, 403)


def test_a_strangers_certificate_ends_the_handshake(listener: Listener, tmp_path: Path) -> None:
    key = new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = listener.machines.clock.now()
    forged = (
        x509.CertificateBuilder()
        .serial_number(7)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .not_valid_before(now.replace(year=now.year - 1))
        .not_valid_after(now.replace(year=now.year + 1))
        .sign(key, hashes.SHA256())
    )
    pair = write_pair(tmp_path, key, forged)

    with pytest.raises(requests.exceptions.ConnectionError):
        call(listener, "simplereenroll", csr_for(new_key(), "127.0.0.1"), cert=pair)


@pytest.mark.parametrize(
    ("version", "works"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_only_tls_of_today_is_spoken(
    listener: Listener, version: ssl.TLSVersion, works: bool
) -> None:
    context = ssl.create_default_context(cafile=listener.anchors)
    context.minimum_version = context.maximum_version = version
    try:
        with (
            socket.create_connection(("127.0.0.1", listener.machines.config.port), 5) as link,
            context.wrap_socket(link, server_hostname="127.0.0.1") as wrapped,
        ):
            spoken = wrapped.version() is not None
    except (ssl.SSLError, OSError):
        spoken = False

    assert spoken is works


def test_the_listeners_own_certificate_is_renewed_in_time(listener: Listener) -> None:
    config = replace(listener.machines.config, folder=listener.folder / "renewed")
    signer = listener.machines.enrolment.signer
    names = []
    for days in (0, 59, 61, 122, 183):
        clock = FixedClock(listener.machines.clock.now() + timedelta(days=days))
        issuance = replace(listener.centre.issuance, clock=clock)
        names.append(OwnCertificate(config, issuance).ensure(signer))

    left = sorted(path.name for path in config.folder.glob("*.key"))
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert left == [f"{name}.key" for name in names[-2:]]


def test_every_certificate_of_a_machine_stands_in_the_log(listener: Listener) -> None:
    with listener.connect() as connection:
        rows = connection.execute(
            "select c.serial from trust.certificate c where state = 'issued' and not exists"
            " (select from ledger.pending p where p.kind = 'certificate'"
            " and encode(c.serial, 'hex') = convert_from(p.entry, 'UTF8')::jsonb ->> 'serial')"
        ).fetchall()

    assert rows == []
