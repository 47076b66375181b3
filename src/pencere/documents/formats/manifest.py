"""Manifests of containers: which files, with which digests. EN 319 162-1 annex A.4; ODF 1.2."""

import base64
import hmac
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from lxml import etree

from pencere.documents.formats import algorithms, xmlsafe
from pencere.documents.formats.xmlsafe import ASIC, ASIC_ALL, DS, ODF_MANIFEST
from pencere.kernel.errors import Invalid

DIGEST_URIS = {
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#sha224": "sha224",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-256": "sha3_256",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-384": "sha3_384",
    "http://www.w3.org/2007/05/xmldsig-more#sha3-512": "sha3_512",
}
URI_OF = {name: uri for uri, name in DIGEST_URIS.items()}
SIGNATURE_TYPE = "application/pkcs7-signature"
STAMP_TYPE = "application/vnd.etsi.timestamp-token"


@dataclass(frozen=True)
class Manifest:
    """An ASiCManifest: the signature or time-stamp over it, and the digests of files."""

    signature: str
    digests: tuple[tuple[str, str, bytes], ...]  # name as written, algorithm, digest

    def problems(self, files: Mapping[str, bytes]) -> list[str]:
        """Compare with the files there are."""
        found = []
        for name, algorithm, stated in self.digests:
            content = files.get(resolve(name, files))
            if content is None:
                found.append("manifest.file_missing")
            elif not hmac.compare_digest(algorithms.digest(algorithm, content), stated):
                found.append("manifest.file_altered")
            if algorithm in algorithms.WEAK_DIGESTS:
                found.append("manifest.weak_digest")
        return list(dict.fromkeys(found))

    def covers(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the names of the files it lists, as they are in the container."""
        names = (resolve(name, files) for name, _, _ in self.digests)
        return tuple(dict.fromkeys(name for name in names if name in files))


def resolve(uri: str, files: Iterable[str]) -> str:
    """Return the name of the file that a URI in a container means.

    Raises:
        Invalid: `format.dangerous`: it could mean two.
    """
    names = set(files)
    found = {name for name in (uri, unquote(uri), unquote(uri.removeprefix("/"))) if name in names}
    if len(found) > 1:
        raise Invalid("format.dangerous", reason="a reference that means two files")
    return found.pop() if found else uri


def uri_of(name: str) -> str:
    """Return the URI by which a container names a file."""
    return quote(name, safe="/!$&'()*+,;=@")


def type_of(name: str) -> str:
    """Return the media type by the ending of a name."""
    return mimetypes.guess_type(name, strict=True)[0] or "application/octet-stream"


def write(
    signature: str, signature_type: str, files: Mapping[str, bytes], root_file: str = ""
) -> bytes:
    """Write an ASiCManifest over `files`; `root_file` is the manifest that this one continues."""
    made = etree.Element(f"{{{ASIC}}}ASiCManifest", nsmap={"asic": ASIC, "ds": DS})
    reference = etree.SubElement(made, f"{{{ASIC}}}SigReference")
    reference.set("URI", uri_of(signature))
    reference.set("MimeType", signature_type)
    for name, content in files.items():
        one = etree.SubElement(made, f"{{{ASIC}}}DataObjectReference", URI=uri_of(name))
        one.set("MimeType", _media_type(name))
        if name == root_file:
            one.set("Rootfile", "true")
        method = etree.SubElement(one, f"{{{DS}}}DigestMethod")
        method.set("Algorithm", URI_OF["sha256"])
        value = etree.SubElement(one, f"{{{DS}}}DigestValue")
        value.text = base64.b64encode(algorithms.digest("sha256", content)).decode()
    return xmlsafe.serialised(made)


def read(content: bytes) -> Manifest:
    """Read an ASiCManifest.

    Raises:
        Invalid: `format.damaged`, `format.unsupported`, `format.dangerous`.
    """
    root = xmlsafe.parse(content)
    kind = etree.QName(root)
    if kind.localname != "ASiCManifest" or kind.namespace not in ASIC_ALL:
        raise xmlsafe.damaged("ASiCManifest")
    reference = xmlsafe.only(root, f"{{{kind.namespace}}}SigReference")
    digests = []
    for one in root.findall(f"{{{kind.namespace}}}DataObjectReference"):
        uri = xmlsafe.attribute(xmlsafe.only(one, f"{{{DS}}}DigestMethod"), "Algorithm")
        if uri not in DIGEST_URIS:
            raise Invalid("format.unsupported", algorithm=uri)
        stated = xmlsafe.octets(xmlsafe.only(one, f"{{{DS}}}DigestValue"))
        digests.append((xmlsafe.attribute(one, "URI"), DIGEST_URIS[uri], stated))
    if not digests:
        raise xmlsafe.damaged("DataObjectReference")
    return Manifest(xmlsafe.attribute(reference, "URI"), tuple(digests))


def write_odf(mimetype: str, names: Iterable[str]) -> bytes:
    """Write META-INF/manifest.xml, which lists files with their types and proves nothing."""
    made = etree.Element(f"{{{ODF_MANIFEST}}}manifest", nsmap={"manifest": ODF_MANIFEST})
    made.set(f"{{{ODF_MANIFEST}}}version", "1.2")
    for path, kind in [("/", mimetype), *((name, type_of(name)) for name in names)]:
        one = etree.SubElement(made, f"{{{ODF_MANIFEST}}}file-entry")
        one.set(f"{{{ODF_MANIFEST}}}full-path", path)
        one.set(f"{{{ODF_MANIFEST}}}media-type", kind)
    return xmlsafe.serialised(made)


def read_odf(content: bytes) -> set[str]:
    """Return the names that META-INF/manifest.xml lists, without the container itself."""
    root = xmlsafe.parse(content)
    if root.tag != f"{{{ODF_MANIFEST}}}manifest":
        raise xmlsafe.damaged("manifest")
    entries = root.findall(f"{{{ODF_MANIFEST}}}file-entry")
    return {one.get(f"{{{ODF_MANIFEST}}}full-path", "") for one in entries} - {"/"}


def _media_type(name: str) -> str:
    if name.endswith(".p7s"):
        return SIGNATURE_TYPE
    return STAMP_TYPE if name.endswith(".tst") else type_of(name)
