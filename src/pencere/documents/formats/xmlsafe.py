"""XML from strangers: no entities, no document types, no network, no surprises.

Canonicalisation is that of libxml2. What it cannot do exactly (xml: attributes inherited from
above) is refused rather than done nearly.
"""

import base64
import binascii
from typing import Any, TypeAlias

from lxml import etree

from pencere.kernel.errors import Invalid

LARGEST_BYTES = 32 * 1024 * 1024

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES141 = "http://uri.etsi.org/01903/v1.4.1#"
ASIC = "http://uri.etsi.org/02918/v1.2.1#"
# What was in use before the namespace was settled; read, never written.
ASIC_ALL = (ASIC, "http://uri.etsi.org/2918/v1.2.1#", "http://uri.etsi.org/2918/v1.1.1#")
ODF_MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_XML = "{http://www.w3.org/XML/1998/namespace}"

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
# algorithm -> (exclusive, with comments)
CANONICAL = {
    C14N: (False, False),
    C14N + "#WithComments": (False, True),
    C14N11: (False, False),
    C14N11 + "#WithComments": (False, True),
    EXCLUSIVE: (True, False),
    EXCLUSIVE + "WithComments": (True, True),
}

Element: TypeAlias = Any  # lxml says nothing about its types


def damaged(reason: str) -> Invalid:
    """Return the error for XML that is not what it should be."""
    return Invalid("format.damaged", reason=reason)


def parse(content: bytes) -> Element:
    """Return the root of a document.

    Raises:
        Invalid: `format.damaged`, `format.too_large`, `format.dangerous` for a document type.
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid("format.too_large")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_blank_text=False,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged("XML") from error
    information = root.getroottree().docinfo
    if information.doctype or information.internalDTD is not None:
        raise Invalid("format.dangerous", reason="document type")
    for _ in root.iter(etree.Entity):
        raise Invalid("format.dangerous", reason="entity")
    return root


def canonical(
    element: Element, algorithm: str, *, prefixes: list[str] | None = None, comments: bool = True
) -> bytes:
    """Return the canonical form of an element with what is under it.

    `comments=False` leaves them out whatever the algorithm: a same-document reference has none.

    Raises:
        Invalid: `format.unsupported`.
    """
    if algorithm not in CANONICAL:
        raise Invalid("format.unsupported", algorithm=algorithm)
    exclusive, with_comments = CANONICAL[algorithm]
    if not exclusive and any(
        key.startswith(_XML) for above in element.iterancestors() for key in above.attrib
    ):
        raise Invalid("format.unsupported", algorithm="inherited xml: attributes")
    made: bytes = etree.tostring(
        element,
        method="c14n",
        exclusive=exclusive,
        with_comments=with_comments and comments,
        inclusive_ns_prefixes=prefixes if exclusive else None,
        with_tail=False,
    )
    return made


def only(parent: Element, name: str) -> Element:
    """Return the one child of a name."""
    found = parent.findall(name)
    if len(found) != 1:
        raise damaged(etree.QName(name).localname)
    return found[0]


def attribute(element: Element, name: str) -> str:
    """Return an attribute that must be there."""
    value = element.get(name)
    if not isinstance(value, str):
        raise damaged(name)
    return value


def text(element: Element) -> str:
    """Return the text of an element that holds nothing else."""
    if len(element):
        raise damaged(etree.QName(element).localname)
    return str(element.text or "").strip()


def octets(element: Element) -> bytes:
    """Return what an element holds in base64."""
    try:
        return base64.b64decode("".join(text(element).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise damaged("base64") from error


def by_id(root: Element, identifier: str) -> Element:
    """Return the one element with an Id; two of them are an attack on the reader (wrapping)."""
    found = [
        one
        for one in root.iter(etree.Element)
        if identifier in {one.get("Id"), one.get("ID"), one.get("id"), one.get(_XML + "id")}
    ]
    if len(found) != 1:
        raise Invalid("format.dangerous", reason="reference is not to one element")
    return found[0]


def serialised(root: Element) -> bytes:
    """Return a document as it is written to a file."""
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return made
