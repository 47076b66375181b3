"""A node on another host fetches its directory from the register over TLS, and from nobody else."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.gateway.conftest import Pair, wait_until
from tests.servers import serving

from pencere.kernel.clock import SystemClock


@dataclass
class Register:
    """Serves what it is given."""

    url: str = ""
    jws: str = ""
    asked: int = 0


def certify(folder: Path) -> tuple[Path, Path]:
    key, now = ec.generate_private_key(ec.SECP256R1()), SystemClock().now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "register.crt", folder / "register.key"
    crt.write_bytes(certificate.public_bytes(Encoding.PEM))
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return crt, pem


@pytest.fixture
def register(pair: Pair) -> Iterator[Register]:
    found = Register()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked += 1
            body = found.jws.encode()
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certify(pair.folder))
    with serving(Handler, tls=context) as port:
        found.url = f"https://localhost:{port}/stateregister/directory.jws"
        yield found


def test_the_directory_comes_over_tls_from_a_register_of_the_countrys_authority(
    pair: Pair, register: Register
) -> None:
    pair.anchors.write_bytes(
        pair.anchors.read_bytes() + (pair.folder / "register.crt").read_bytes()
    )
    register.jws = pair.directory_key.sign(pair.payload(7))
    pair.start(0, directory_url=register.url)

    wait_until(lambda: pair.version(0) == 7)

    pair.start(1)
    assert pair.ask().status == 200


def test_a_register_that_nobody_vouches_for_is_not_asked(pair: Pair, register: Register) -> None:
    register.jws = pair.directory_key.sign(pair.payload(7))
    pair.start(directory_url=register.url)

    assert pair.ask().status == 200

    assert (register.asked, pair.version(0)) == (0, 1)
