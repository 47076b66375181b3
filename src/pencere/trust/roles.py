"""What a key is for, and the only things that a key of that role may sign.

The signer looks at the bytes themselves, not at what the caller says they are: a time-stamping
key that is handed a certificate refuses, even when the program around it was taken over. What is
told apart here is the outermost shape; whether the content is right is for those who make it.
"""

from enum import Enum

from pencere.kernel.errors import Invalid, Refused
from pencere.trust import der


class Role(Enum):
    """What a key is for."""

    AUTHORITY = "authority"  # certificates and revocation lists
    STATUS = "status"  # OCSP answers
    TIME_STAMP = "time-stamp"  # RFC 3161 tokens
    LOG = "log"  # heads of a ledger
    SEAL = "seal"  # documents of a body, by their digests too
    DATA = "data"  # what a node, the directory, the trusted list or a transcript says


class Shape(Enum):
    """What a sequence of bytes is, as far as it matters for who may sign it."""

    CERTIFICATE = "certificate"  # TBSCertificate, RFC 5280 section 4.1
    LIST = "list"  # TBSCertList, section 5.1
    STATUS = "status"  # ResponseData, RFC 6960 section 4.2.1
    TIME_STAMP = "time-stamp"  # signed attributes of a CMS over TSTInfo, RFC 3161 section 2.4.2
    REQUEST = "request"  # CertificationRequestInfo, RFC 2986 section 4.1
    CHECKPOINT = "checkpoint"  # text of a signed note
    OTHER = "other"


_ALLOWED = {
    Role.AUTHORITY: {Shape.CERTIFICATE, Shape.LIST},
    Role.STATUS: {Shape.STATUS},
    Role.TIME_STAMP: {Shape.TIME_STAMP},
    Role.LOG: {Shape.CHECKPOINT},
    Role.SEAL: {Shape.OTHER, Shape.CHECKPOINT},
    Role.DATA: {Shape.OTHER, Shape.CHECKPOINT},
}
SIGNS_DIGESTS = frozenset({Role.SEAL, Role.DATA})

# The names under which the centre keeps its keys say what they are for.
_BY_NAME = {
    "root": Role.AUTHORITY,
    "issuing": Role.AUTHORITY,
    "ocsp": Role.STATUS,
    "tsa": Role.TIME_STAMP,
    "ledger": Role.LOG,
    "seal": Role.SEAL,
}

# contentType = id-ct-TSTInfo: being the shortest attribute, it comes first in DER's order.
_TST_CONTENT = bytes.fromhex("301a06092a864886f70d010903310d060b2a864886f70d0109100104")


def role_of(name: str) -> Role:
    """Return the role that a key's name says it has: `ocsp-root` is a STATUS key."""
    return _BY_NAME.get(name.partition("-")[0], Role.DATA)


def refuse_other_use(role: Role, data: bytes) -> None:
    """Return if a key of this role may sign these bytes.

    Raises:
        Refused: `key.role`; nothing was signed.
    """
    shape = shape_of(data)
    if shape not in _ALLOWED[role]:
        raise Refused("key.role", role=role.value, asked=shape.value)


def refuse_digest(role: Role) -> None:
    """Return if a key of this role may sign a digest, of which nobody can tell what it is of."""
    if role not in SIGNS_DIGESTS:
        raise Refused("key.role", role=role.value, asked="digest")


def shape_of(data: bytes) -> Shape:
    """Return what the bytes are."""
    if data[:1] == b"\x31":
        return Shape.TIME_STAMP if _TST_CONTENT in data else Shape.OTHER
    if data[:1] != b"\x30":
        return Shape.CHECKPOINT if _is_note(data) else Shape.OTHER
    try:
        # Answers are signed by the thousand: what they begin with is seen without reading them.
        if data[der.content_at(data)] in (0xA1, 0xA2):
            return Shape.STATUS
        outer = der.Reader(data).element(der.SEQUENCE)
        if len(outer.encoded) != len(data):
            return Shape.OTHER
        return _shape_of_sequence(outer.children())
    except (Invalid, IndexError):
        return Shape.OTHER


def _shape_of_sequence(parts: der.Reader) -> Shape:  # noqa: PLR0911 -- as above
    first = parts.element()
    if first.tag in (0xA1, 0xA2):
        return Shape.STATUS
    if first.tag == 0xA0:  # a version: of a certificate or, though it need not be said, an answer
        return Shape.STATUS if parts.next_tag() in (0xA1, 0xA2) else Shape.CERTIFICATE
    if first.tag == der.SEQUENCE:
        # A list of version 1 begins with the algorithm; so may much else.
        return Shape.LIST if _is_algorithm(first) and parts.next_tag() == 0x30 else Shape.OTHER
    if first.tag != der.INTEGER or parts.next_tag() != der.SEQUENCE:
        return Shape.OTHER
    second = parts.element()
    if _is_algorithm(second):
        third = parts.element()
        if third.tag != der.SEQUENCE:
            return Shape.OTHER
        follows = parts.next_tag()
        # A list goes on with a time, a certificate of version 1 with its validity.
        return Shape.LIST if follows in (der.UTC_TIME, der.GENERALIZED_TIME) else Shape.CERTIFICATE
    return Shape.REQUEST if parts.next_tag() == der.SEQUENCE else Shape.OTHER


def _is_algorithm(element: der.Element) -> bool:
    return element.content[:1] == b"\x06"


def _is_note(data: bytes) -> bool:
    """Say whether the bytes are the text of a checkpoint: origin, size, root, a line each."""
    lines = data.split(b"\n")
    return len(lines) >= 4 and lines[-1] == b"" and lines[1].isdigit() and len(lines[0]) > 0
