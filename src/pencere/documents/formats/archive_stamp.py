"""The archive time-stamp of CAdES, version 3, with its hash index. EN 319 122-1 section 5.5.

It is over the content, the signature, and, through the index, over every certificate, revocation
value and unsigned attribute that was there when it was made; what came later is not its business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

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
        listed = _listed(kind, parse(index), signed, signer)
        over = None
        if content is not None:
            over = _covered(signed, signer, content, index, loaded.imprint_algorithm)
    except (Invalid, ValueError, IndexError):
        return tokens.check("archive", token, None, others=known)
    proves = {tokens.sha256(signer.signature)}
    for one in listed.present:
        proves |= tokens.within(one)
    found = tokens.check("archive", token, over, others=known, proves=frozenset(proves))
    if listed.complete:
        return found
    return replace(found, problems=(*found.problems, "time_stamp.index_incomplete"))


def _index(signed: SignedData, signer: SignerInfo) -> bytes:
    def digests(parts: list[bytes]) -> bytes:
        return der.sequence(*(der.octet_string(algorithms.digest(_DIGEST, part)) for part in parts))

    return der.sequence(
        algorithms.digest_identifier(_DIGEST),
        digests(sorted(signed.certificate_choices)),
        digests(sorted(signed.revocation_choices)),
        digests(list(_attribute_values(signer))),
    )


def _attribute_values(signer: SignerInfo) -> dict[bytes, bytes]:
    """Return the values of unsigned attributes by what the index hashes: type and value."""
    return {
        der.object_identifier(one.oid) + value: value
        for one in signer.unsigned
        for value in one.values
    }


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


@dataclass(frozen=True)
class _Listed:
    """What is still there of what a hash index lists."""

    present: tuple[bytes, ...]
    complete: bool


def _listed(kind: str, index: Node, signed: SignedData, signer: SignerInfo) -> _Listed:
    parts = index.children()
    name = _DIGEST
    if len(parts) == 4:
        name = algorithms.digest_name(parts.pop(0))
    if len(parts) != 3:
        raise Invalid("format.damaged", reason="hash index")
    responses = {der.context(1, cms.OCSP_RESPONSE + one): one for one in signed.ocsps}
    there: list[dict[bytes, bytes]] = [
        {one: one for one in signed.certificate_choices},
        {one: responses.get(one, one) for one in signed.revocation_choices},
        _attribute_values(signer),
    ]
    if kind == HASH_INDEX:
        there[2] = {
            Attribute(one.oid, one.values).encoded(): one.values[0]
            for one in signer.unsigned
            if one.values
        }
    present: list[bytes] = []
    complete = True
    for nodes, choices in zip(parts, there, strict=True):
        known = {algorithms.digest(name, one): value for one, value in choices.items()}
        listed = [node.octets() for node in nodes.children()]
        present += [known[one] for one in listed if one in known]
        complete &= all(one in known for one in listed)
    return _Listed(tuple(present), complete)
