"""The certificate request of a machine (PKCS#10), checked against what was ordered."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Invalid
from pencere.trust.acme.identifiers import Identifier, of_names, parse
from pencere.trust.acme.problems import Problem
from pencere.trust.algorithms import PublicKey, algorithm_of
from pencere.trust.issuance import read_request
from pencere.trust.store import Connection, Reason

LARGEST = 16_384
KEYS = frozenset({"P-256", "P-384", "RSA-3072"})
# What may be asked for; what the certificate holds is for the profile alone to say.
_ASKED = {
    x509.SubjectAlternativeName.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.BasicConstraints.oid,
    x509.SubjectKeyIdentifier.oid,
}


@dataclass(frozen=True)
class MachineRequest:
    """A request whose sender holds its key. `names` are those of subjectAltName."""

    encoded: bytes
    public_key: PublicKey
    subject: x509.Name
    names: frozenset[Identifier]


def read(encoded: bytes) -> MachineRequest:
    """Parse a request, DER.

    Raises:
        Problem: `badCSR`, `badPublicKey`, or a refusal of a name in it.
    """
    if len(encoded) > LARGEST:
        raise Problem("badCSR", "request_large")
    try:
        key = read_request(encoded)
        request = x509.load_der_x509_csr(encoded)
        names, subject = _names_of(request), request.subject
    except Invalid as error:
        if error.facts.get("reason") == "key":
            raise Problem("badPublicKey", "request_key") from error
        raise Problem("badCSR", "request") from error
    except Problem:
        raise
    except Exception as error:  # the parser raises many kinds, among them its own base class
        raise Problem("badCSR", "request") from error
    if algorithm_of(key).name not in KEYS:
        raise Problem("badPublicKey", "request_key")
    return MachineRequest(encoded, key, subject, frozenset(names))


def check_names(request: MachineRequest, ordered: Iterable[Identifier]) -> None:
    """Refuse a request for other names than those ordered; its common name counts too.

    Raises:
        Problem: `badCSR`.
    """
    asked = set(request.names)
    for attribute in request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        text = str(attribute.value)
        is_address = ":" in text or text.replace(".", "").isdigit()
        try:
            asked.add(parse("ip" if is_address else "dns", text))
        except Problem as error:
            raise Problem("badCSR", "request_names") from error
    if asked != set(ordered):
        raise Problem("badCSR", "request_names")


def key_sha256(key: PublicKey) -> bytes:
    """Return what the database finds certificates of a key by (`trust.key_sha256`)."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def check_key(connection: Connection, request: MachineRequest, holder: str) -> None:
    """Refuse a key that is known to be stolen, or that certifies somebody else.

    Raises:
        Problem: `badPublicKey`.
    """
    row = connection.execute(
        "select bool_or(r.reason = %s), bool_or(c.holder <> %s) from trust.certificate c"
        " left join trust.revocation r using (serial)"
        " where trust.key_sha256(c.tbs) = %s and c.state <> 'refused'",
        (int(Reason.KEY_COMPROMISE), holder, key_sha256(request.public_key)),
    ).fetchone()
    if row is not None and (row[0] or row[1]):
        raise Problem("badPublicKey", "request_key_known")


def _names_of(request: x509.CertificateSigningRequest) -> set[Identifier]:
    extensions = list(request.extensions)
    if any(one.oid not in _ASKED for one in extensions):
        raise Problem("badCSR", "request_extension")
    names: set[Identifier] = set()
    for one in extensions:
        if isinstance(one.value, x509.SubjectAlternativeName):
            names |= of_names(one.value)
        elif isinstance(one.value, x509.BasicConstraints) and one.value.ca:
            raise Problem("badCSR", "request_extension")
    return names
