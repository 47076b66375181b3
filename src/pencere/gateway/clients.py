"""How an information system proves itself to its own node, and the node to it.

X-Road's connection types, for each client in the node's file:

    "AZ/GOV/idda/portal": {"connection": "HTTPS", "certificates": ["<DER, Base64>"], "key": "<hex>"}

`HTTPS` (the default, and strict): TLS with one of the pinned certificates, and the key too where
one is named. `HTTPS NOAUTH`: TLS, and the key where one is named. `HTTP`: as it comes, and the
key where one is named. A plain string is the digest of a key over `HTTP`. A certificate is
given whole; one that the nodes' own authority issued may be given as its SHA-256 alone.
"""

import base64
import binascii
import hashlib
import hmac
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

# Who is at the other end, as the server puts it into a request: "" over plain HTTP,
# ANONYMOUS over TLS without a certificate, or the certificate's SHA-256 in hex.
ANONYMOUS = "-"
CONNECTIONS = ("HTTPS", "HTTPS NOAUTH", "HTTP")
_NOBODY = os.urandom(32)


@dataclass(frozen=True, slots=True)
class ClientEntry:
    """One client of the node. `key` is the SHA-256 of its key, `pinned` are fingerprints."""

    connection: str
    key: bytes | None = field(default=None, repr=False)
    pinned: frozenset[str] = frozenset()
    certificates: tuple[bytes, ...] = field(default=(), repr=False)


def parse_entry(entry: object) -> ClientEntry:
    """Read a client of the node's file; ValueError says what is wrong."""
    if isinstance(entry, str):
        return ClientEntry("HTTP", _digest(entry))
    if not isinstance(entry, dict) or entry.keys() - {"connection", "key", "certificates"}:
        raise ValueError("an object with connection, key, certificates")
    connection = entry.get("connection", "HTTPS")
    if connection not in CONNECTIONS:
        raise ValueError(f"a connection of {', '.join(CONNECTIONS)}")
    pinned, certificates = parse_certificates(entry.get("certificates", []))
    if connection == "HTTPS" and not pinned:
        raise ValueError("HTTPS needs the client's certificates")
    key = _digest(entry["key"]) if entry.get("key") is not None else None
    return ClientEntry(connection, key, pinned, certificates)


def parse_certificates(given: object) -> tuple[frozenset[str], tuple[bytes, ...]]:
    """Return fingerprints and whole certificates (DER) of a list; ValueError when it is none."""
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError("a list of certificates: DER in Base64, or SHA-256 in hex")
    pinned, whole = set(), []
    for one in given:
        if len(one) == 64:
            pinned.add(bytes.fromhex(one).hex())
            continue
        try:
            der = base64.b64decode(one, validate=True)
        except binascii.Error as problem:
            raise ValueError("a certificate is DER in Base64") from problem
        x509.load_der_x509_certificate(der)
        whole.append(der)
        pinned.add(hashlib.sha256(der).hexdigest())
    return frozenset(pinned), tuple(whole)


def problem_of(entries: Mapping[str, ClientEntry], client: str, key: bytes, peer: str) -> str:
    """Return why the caller is not believed to be `client`; empty when it is.

    The key is compared in constant time, for an unknown client too.
    """
    entry = entries.get(client)
    expected = entry.key if entry is not None and entry.key is not None else _NOBODY
    is_key = hmac.compare_digest(hashlib.sha256(key).digest(), expected)
    if entry is None:
        return f"Header Pencere-Client-Key is {'wrong' if key else 'missing'} for {client}"
    if entry.connection != "HTTP" and not peer:
        return f"{client} is spoken to over TLS only; this is the port for plain HTTP"
    if entry.connection == "HTTPS" and peer == ANONYMOUS:
        return f"Client {client} must show its certificate"
    if entry.connection == "HTTPS" and peer not in entry.pinned:
        return f"Client {client} shows a certificate that its node does not know it by"
    if entry.key is not None and not is_key:
        return f"Header Pencere-Client-Key is {'wrong' if key else 'missing'} for {client}"
    return ""


def client_tls(anchors: Path, entries: Iterable[ClientEntry]) -> ssl.SSLContext:
    """Return the context of the clients' TLS port; the node's own key is shown by `NodeKeys`.

    A certificate may be shown and need not; one that leads to no anchor and is not pinned ends
    the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    # Pinned certificates are anchors by themselves: systems show ones that they signed themselves.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.load_verify_locations(cafile=str(anchors))
    trust(context, entries)
    return context


def trust(context: ssl.SSLContext, entries: Iterable[ClientEntry]) -> None:
    """Let these certificates through handshakes from now on; who they are is asked each time."""
    for entry in entries:
        for der in entry.certificates:
            context.load_verify_locations(cadata=der)


def peer_of(connection: ssl.SSLObject) -> str:
    """Return who is at the other end of a TLS connection."""
    certificate = connection.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ANONYMOUS


def _digest(text: Any) -> bytes:
    if not isinstance(text, str) or len(digest := bytes.fromhex(text)) != 32:
        raise ValueError("64 hex digits: SHA-256 of the key")
    return digest
