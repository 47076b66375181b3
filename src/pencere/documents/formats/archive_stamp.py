"""The archive time-stamp of CAdES, version 3, with its hash index. EN 319 122-1 section 5.5.

It is over the content, the signature, and, through the index, over every certificate, revocation
value and unsigned attribute that was there when it was made; what came later is not its business.
"""

from collections.abc import Callable
from dataclasses import replace

from cryptography import x509

from pencere.documents.formats import algorithms, cms, tokens
from pencere.documents.formats.ber import Node, parse
from pencere.documents.formats.cms import Attribute, SignedData, SignerInfo
from pencere.documents.formats.found import FoundStamp
from pencere.kernel.errors import Invalid
from pencere.trust import der

OID = "0.4.0.1733.2.4"
HASH_INDEX = "0.4.0.1733.2.5"
HASH_INDEX_V2 = "0.4.0.19122.1.4"
HASH_INDEX_V3 = "0.4.0.19122.1.5"
_DIGEST = "sha256"


def add(
    signed: SignedData, signer: SignerInfo, content: bytes, stamp: Callable[[bytes], bytes]
) -> SignerInfo:
    """Return the SignerInfo with an archive time-stamp; `stamp` gets a token over bytes."""
    index = _index(signed, signer)
    token = stamp(_covered(signed, signer, content, index, _DIGEST))
    made = cms.load(token)
    # The index travels in the token, unsigned, since the token is over it.
    with_index = made.with_signer(0, made.signers[0].added(HASH_INDEX_V3, index))
    return signer.added(OID, with_index.encoded())


def check(
    token: bytes,
    signed: SignedData,
    signer: SignerInfo,
    content: bytes | None,
    known: tuple[x509.Certificate, ...],
) -> FoundStamp:
    """Check one: its imprint, its signature, and that everything in its index is still there."""
    try:
        loaded = tokens.load(token)
        kind, index = _index_of(loaded.signed.signers[0])
        if content is None:
            return tokens.check("archive", token, None, others=known)
        over = _covered(signed, signer, content, index, loaded.imprint_algorithm)
        missing = _missing(kind, parse(index), signed, signer)
    except (Invalid, ValueError, IndexError):
        return tokens.check("archive", token, None, others=known)
    found = tokens.check("archive", token, over, others=known)
    if not missing:
        return found
    return replace(found, problems=(*found.problems, "time_stamp.index_incomplete"))


def _index(signed: SignedData, signer: SignerInfo) -> bytes:
    def digests(parts: list[bytes]) -> bytes:
        return der.sequence(*(der.octet_string(algorithms.digest(_DIGEST, part)) for part in parts))

    return der.sequence(
        algorithms.digest_identifier(_DIGEST),
        digests(sorted(signed.certificate_choices)),
        digests(sorted(signed.revocation_choices)),
        digests(_attribute_values(signer)),
    )


def _attribute_values(signer: SignerInfo) -> list[bytes]:
    return [
        der.object_identifier(one.oid) + value for one in signer.unsigned for value in one.values
    ]


def _covered(
    signed: SignedData, signer: SignerInfo, content: bytes, index: bytes, digest: str
) -> bytes:
    return b"".join(
        (
            der.object_identifier(signed.content_type),
            algorithms.digest(digest, content),
            signer.fixed(),
            index,
        )
    )


def _index_of(signer: SignerInfo) -> tuple[str, bytes]:
    for oid in (HASH_INDEX_V3, HASH_INDEX_V2, HASH_INDEX):
        values = signer.unsigned_values(oid)
        if values:
            return oid, values[0]
    raise Invalid("format.damaged", reason="no hash index")


def _missing(kind: str, index: Node, signed: SignedData, signer: SignerInfo) -> bool:
    """Say whether something that the stamp was over is no longer there."""
    parts = index.children()
    name = _DIGEST
    if len(parts) == 4:
        name = algorithms.digest_name(parts.pop(0))
    if len(parts) != 3:
        raise Invalid("format.damaged", reason="hash index")
    values = _attribute_values(signer)
    if kind == HASH_INDEX:
        values = [Attribute(one.oid, one.values).encoded() for one in signer.unsigned]
    for listed, there in zip(
        parts, (signed.certificate_choices, signed.revocation_choices, values), strict=True
    ):
        present = {algorithms.digest(name, one) for one in there}
        if any(node.octets() not in present for node in listed.children()):
            return True
    return False
