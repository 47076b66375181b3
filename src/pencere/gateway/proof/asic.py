"""ASiC-E containers: files under a signature and a time-stamp. ETSI EN 319 162-1.

`mimetype` first and stored; `ASiCManifest001.xml` lists the files and is signed (CAdES-B-B);
`ASiCManifest002.xml` lists the files, that manifest and the signature, and is time-stamped. The
same input makes the same list: entries have no times.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from xml.sax.saxutils import quoteattr

from cryptography import x509

from pencere.trust import advanced, der

MEDIA_TYPE = "application/vnd.etsi.asic-e+zip"
MANIFEST = "META-INF/ASiCManifest001.xml"
SIGNATURE = "META-INF/signature001.p7s"
STAMP_MANIFEST = "META-INF/ASiCManifest002.xml"
STAMP = "META-INF/timestamp002.tst"

# Takes a SHA-256 digest, gives an RFC 3161 token.
TimeStamp = Callable[[bytes], bytes]
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"\
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"""


class Signer(Protocol):
    """A key with its certificate, such as a node's."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    def sign(self, data: bytes) -> bytes:
        """Return a DER signature with SHA-256."""


@dataclass(frozen=True)
class Maker:
    """Who makes a container. Without `time_stamp` it has no time of its own."""

    signer: Signer
    time_stamp: TimeStamp | None = None


def container(files: Mapping[str, bytes], maker: Maker, at: datetime) -> bytes:
    """Return the container of `files`, signed and, where an authority is there, time-stamped.

    Raises:
        Unavailable: `timestamp.unavailable`.
    """
    whole = dict(files)
    listed = whole[MANIFEST] = _manifest(files, SIGNATURE, "application/pkcs7-signature")
    prepared = advanced.prepare(listed, maker.signer.certificate, at)
    signature = maker.signer.sign(der.tlv(der.SET, prepared.attributes))
    whole[SIGNATURE] = advanced.assemble(prepared, signature, [maker.signer.certificate])
    if maker.time_stamp is not None:
        over = _manifest(whole, STAMP, "application/vnd.etsi.timestamp-token")
        whole[STAMP_MANIFEST] = over
        whole[STAMP] = maker.time_stamp(hashlib.sha256(over).digest())
    return packed(whole)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return the zip of files, `mimetype` first and stored."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(_entry("mimetype"), MEDIA_TYPE.encode("ascii"))
        for name, content in files.items():
            archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED, 6)
    return made.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    return entry


def _manifest(files: Mapping[str, bytes], over: str, kind: str) -> bytes:
    """Return an ASiCManifest with SHA-512 digests. Our names need no escaping in a URI."""
    lines = [_HEAD, f"<asic:SigReference URI={quoteattr(over)} MimeType={quoteattr(kind)}/>"]
    for name, content in files.items():
        digest = base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")
        lines.append(
            f"<asic:DataObjectReference URI={quoteattr(name)} MimeType={quoteattr(_kind(name))}>"
            '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>'
            f"<ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"
        )
    return ("".join(lines) + "</asic:ASiCManifest>\n").encode()


_KINDS = {
    "json": "application/json", "txt": "text/plain", "der": "application/pkix-cert",
    "ors": "application/ocsp-response", "tst": "application/vnd.etsi.timestamp-token",
    "jws": "application/jose", "pem": "application/x-pem-file", "xml": "application/xml",
    "p7s": "application/pkcs7-signature",
}  # fmt: skip


def _kind(name: str) -> str:
    return _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
