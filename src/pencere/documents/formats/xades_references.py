"""What the references of an XML signature are over: octets, told apart from look-alikes.

XMLDSig core 1.1 section 4.4.3. Only transforms of which the outcome is plain are followed:
canonicalisation, leaving out signatures, nothing else. A reference into the document must be to
one element, and a data reference must be to the whole document or a whole file (no wrapping).
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from pencere.documents.formats import xmlsafe
from pencere.documents.formats.manifest import resolve
from pencere.documents.formats.xmlsafe import CANONICAL, DS, EXCLUSIVE, XADES, Element
from pencere.kernel.errors import Invalid

SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
COUNTERSIGNED = "http://uri.etsi.org/01903#CountersignedSignature"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
BASE64 = "http://www.w3.org/2000/09/xmldsig#base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"
# The two expressions in use for "everything but signatures".
ALL_BUT_SIGNATURES = "not(ancestor-or-self::ds:Signature)"
_SIGNATURES = "/descendant::ds:Signature"


@dataclass(frozen=True)
class Referenced:
    """What one reference is over. `covers`: the file, or nothing for parts of the signature."""

    octets: bytes
    covers: tuple[str, ...] = ()


class Context:
    """The document a signature stands in and the files around it.

    `document` is the name under which a whole enveloping document counts as covered.
    """

    def __init__(
        self,
        root: Element,
        signature: Element,
        files: Mapping[str, bytes],
        document: str | None,
    ) -> None:
        self._root = root
        self._signature = signature
        self._files = files
        self._document = document

    def follow(self, reference: Element) -> Referenced | None:
        """Return what a reference is over; None: a file that is not there.

        Raises:
            Invalid: `format.dangerous`, `format.unsupported`, `format.damaged`.
        """
        uri = reference.get("URI")
        transforms = reference.findall(f"{{{DS}}}Transforms/{{{DS}}}Transform")
        if uri is None:
            raise xmlsafe.damaged("URI")
        if uri == "" or uri.startswith("#"):
            return self._inside(uri.removeprefix("#"), reference, transforms)
        name = resolve(uri, self._files)
        if name not in self._files:
            return None
        content = self._files[name]
        for one in transforms:
            algorithm = xmlsafe.attribute(one, "Algorithm")
            if algorithm not in CANONICAL or len(transforms) > 1:
                raise Invalid("format.unsupported", algorithm=algorithm)
            content = xmlsafe.canonical(
                xmlsafe.parse(content), algorithm, prefixes=inclusive_prefixes(one)
            )
        return Referenced(content, (name,))

    def _inside(self, identifier: str, reference: Element, transforms: list[Element]) -> Referenced:
        target = xmlsafe.by_id(self._root, identifier) if identifier else self._root
        kind = reference.get("Type")
        if not identifier:
            refuse_instructions(self._root)
        own = any(one is self._signature for one in target.iterancestors())
        if kind == SIGNED_PROPERTIES:
            self._refuse_other_properties(target)
        elif not own and target is not self._root and kind != COUNTERSIGNED:
            # A part of a document: what a reader shows might be another part.
            raise Invalid("format.unsupported", algorithm="part of a document")
        element, algorithm, prefixes = self._transformed(target, transforms)
        if element is None:
            return Referenced(b"".join(xmlsafe.text(target).encode().split()))
        octets = xmlsafe.canonical(element, algorithm, prefixes=prefixes, comments=False)
        is_object = own and target.tag == f"{{{DS}}}Object"
        whole = target is self._root or (is_object and self._signature is self._root)
        return Referenced(octets, (self._document,) if whole and self._document else ())

    def _refuse_other_properties(self, target: Element) -> None:
        properties = target.getparent()
        holder = None if properties is None else properties.getparent()
        ours = (
            target.tag == f"{{{XADES}}}SignedProperties"
            and holder is not None
            and holder.tag == f"{{{DS}}}Object"
            and holder.getparent() is self._signature
        )
        if not ours:
            raise Invalid("format.dangerous", reason="signed properties of another signature")

    def _transformed(
        self, target: Element, transforms: list[Element]
    ) -> tuple[Element | None, str, list[str] | None]:
        algorithm, prefixes = xmlsafe.C14N, None
        element, canonicalised = target, False
        for one in transforms:
            name = xmlsafe.attribute(one, "Algorithm")
            if canonicalised:
                raise Invalid("format.unsupported", algorithm=name)
            if name == ENVELOPED:
                element = self._without(element, target, all_of_them=False)
            elif (name == XPATH and _is_all_but_signatures(one)) or (
                name == FILTER2 and _subtracts_signatures(one)
            ):
                element = self._without(element, target, all_of_them=True)
            elif name in CANONICAL:
                algorithm, prefixes, canonicalised = name, inclusive_prefixes(one), True
            else:
                raise Invalid("format.unsupported", algorithm=name)
        return element, algorithm, prefixes

    def _without(self, element: Element, target: Element, *, all_of_them: bool) -> Element:
        """Return a copy of the document without this signature, or without any."""
        if target is not self._root or self._signature is self._root:
            raise Invalid("format.unsupported", algorithm="enveloped")
        path = self._root.getroottree().getelementpath(self._signature)
        # Leaving out comes before anything else that could change the path.
        whole = copy.deepcopy(element)
        found = (
            list(whole.iter(f"{{{DS}}}Signature"))
            if all_of_them
            else [one for one in [whole.find(path)] if one is not None]
        )
        for one in found:
            take_out(one)
        return whole


def inclusive_prefixes(transform: Element) -> list[str] | None:
    """Return the prefixes that exclusive canonicalisation should treat as inclusive."""
    listed = transform.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    if listed is None:
        return None
    return [one for one in listed.get("PrefixList", "").split() if one != "#default"]


def refuse_instructions(root: Element) -> None:
    """Refuse processing instructions beside the root: canonical form has them, ours has not.

    Raises:
        Invalid: `format.unsupported`.
    """
    beside = [*root.itersiblings(preceding=True), *root.itersiblings()]
    if any(one.tag is etree.ProcessingInstruction for one in beside):
        raise Invalid("format.unsupported", algorithm="processing instruction")


def take_out(element: Element) -> None:
    """Take an element out; the text after it stays."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if element.tail:
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


def _is_all_but_signatures(transform: Element) -> bool:
    expression = transform.findall(f"{{{DS}}}XPath")
    if len(expression) != 1:
        return False
    written = "".join((expression[0].text or "").split())
    prefixes = {prefix for prefix, uri in expression[0].nsmap.items() if uri == DS}
    return any(
        prefix and written == ALL_BUT_SIGNATURES.replace("ds:", f"{prefix}:").replace(" ", "")
        for prefix in prefixes
    )


def _subtracts_signatures(transform: Element) -> bool:
    expression = transform.findall(f"{{{FILTER2}}}XPath")
    if len(expression) != 1 or expression[0].get("Filter") != "subtract":
        return False
    written = (expression[0].text or "").strip()
    prefixes = {prefix for prefix, uri in expression[0].nsmap.items() if uri == DS}
    return any(
        prefix and written == _SIGNATURES.replace("ds:", f"{prefix}:") for prefix in prefixes
    )
