"""`openssl ocsp` as a responder: the peer of the measurement, with a certificate of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from pencere.cli.benches.centre import SERVER_CORE, free_port, on_core, wait_for
from pencere.kernel.clock import SystemClock


@contextmanager
def openssl_responder(folder: Path) -> Iterator[tuple[int, int, bytes]]:
    """Run it on the server's core; give port, process and a request about a good certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), SystemClock().now()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    authority = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(1)
        .public_key(key.public_key())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret, index = folder / "peer.pem", folder / "peer.key", folder / "index.txt"
    pem.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    ends = f"{now + timedelta(days=1):%y%m%d%H%M%SZ}"
    index.write_text(f"V\t{ends}\t\t01\tunknown\t/CN=peer\n")
    request = ocsp.OCSPRequestBuilder().add_certificate(authority, authority, hashes.SHA256())
    encoded = request.build().public_bytes(serialization.Encoding.DER)
    port = free_port()
    command = [
        *("openssl", "ocsp", "-index", str(index), "-port", str(port), "-rsigner", str(pem)),
        *("-rkey", str(secret), "-CA", str(pem), "-nmin", "10"),
    ]
    with (folder / "peer.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # fixed arguments
            on_core(SERVER_CORE, command), stdout=log, stderr=log
        )
    try:
        wait_for(port, process, path="/", body=encoded)
        yield port, process.pid, encoded
    finally:
        process.kill()
        process.wait(5)
