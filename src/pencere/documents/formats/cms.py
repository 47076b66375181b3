"""SignedData as it lies in a file: read without changing a byte, written again with more in it.

RFC 5652 section 5. What is signed or time-stamped is kept encoded as it came, so that a later
signature or time-stamp added by us never disturbs an earlier one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.formats.ber import Node, expect, malformed, parse
from pencere.trust import cms as syntax
from pencere.trust import der

LARGEST_BYTES = 64 * 1024 * 1024
MOST_SIGNERS = 64

_SIGNED_DATA = "1.2.840.113549.1.7.2"
# RFC 5940: an OCSPResponse among the revocation values.
OCSP_RESPONSE = der.object_identifier("1.3.6.1.5.5.7.16.2")


@dataclass(frozen=True)
class Attribute:
    """An attribute: `values` encoded."""

    oid: str
    values: tuple[bytes, ...]

    def encoded(self) -> bytes:
        """Return the Attribute."""
        return der.sequence(der.object_identifier(self.oid), der.set_of(*self.values))


@dataclass(frozen=True)
class SignerInfo:
    """One signature. All but `signature` and `unsigned` are encoded as they came."""

    version: bytes
    sid: bytes
    digest_algorithm: bytes
    signed: bytes  # the [0] element, or nothing
    signature_algorithm: bytes
    signature: bytes
    signature_encoded: bytes
    unsigned: tuple[Attribute, ...] = ()

    def encoded(self) -> bytes:
        """Return the SignerInfo."""
        unsigned = b""
        if self.unsigned:
            unsigned = der.context(1, b"".join(sorted(one.encoded() for one in self.unsigned)))
        return der.sequence(self.fixed(), unsigned)

    def fixed(self) -> bytes:
        """Return the fields that never change once signed, in order (EN 319 122-1 5.5.3)."""
        return b"".join(
            (
                self.version,
                self.sid,
                self.digest_algorithm,
                self.signed,
                self.signature_algorithm,
                self.signature_encoded,
            )
        )

    @cached_property
    def attributes(self) -> dict[str, tuple[Node, ...]]:
        """The signed attributes; one that stands there twice is refused."""
        if not self.signed:
            return {}
        found: dict[str, tuple[Node, ...]] = {}
        for one in parse(self.signed).children():
            oid, values = _attribute(one)
            if oid in found:
                raise malformed("attribute twice")
            found[oid] = values
        return found

    def to_be_verified(self) -> bytes:
        """Return what the signature is over: the attributes as a SET OF in DER."""
        return der.set_of(*(one.encoded for one in parse(self.signed).children()))

    def added(self, oid: str, value: bytes) -> "SignerInfo":
        """Return it with one more unsigned attribute."""
        return replace(self, unsigned=(*self.unsigned, Attribute(oid, (value,))))

    def unsigned_values(self, oid: str) -> list[bytes]:
        """Return the values of an unsigned attribute, encoded."""
        return [value for one in self.unsigned if one.oid == oid for value in one.values]


@dataclass(frozen=True)
class SignedData:
    """Signatures with what belongs to them. `content` is None when it lies elsewhere."""

    content_type: str
    content: bytes | None
    signers: tuple[SignerInfo, ...]
    certificate_choices: tuple[bytes, ...] = ()
    revocation_choices: tuple[bytes, ...] = ()
    digest_algorithms: tuple[bytes, ...] = ()
    _encapsulated: bytes = field(default=b"", repr=False)

    def encoded(self) -> bytes:
        """Return the ContentInfo, DER but for parts that were BER when they came."""
        choices, statuses = set(self.certificate_choices), set(self.revocation_choices)
        algorithms = {*self.digest_algorithms, *(one.digest_algorithm for one in self.signers)}
        is_plain = self.content_type == "1.2.840.113549.1.7.1"
        version = 5 if any(one[0] == 0xA1 for one in statuses) else 1 if is_plain else 3
        return der.sequence(
            syntax.SIGNED_DATA,
            der.context(
                0,
                der.sequence(
                    der.integer(version),
                    der.set_of(*algorithms),
                    self._encapsulated or self._encapsulate(),
                    der.context(0, b"".join(sorted(choices))) if choices else b"",
                    der.context(1, b"".join(sorted(statuses))) if statuses else b"",
                    der.set_of(*(one.encoded() for one in self.signers)),
                ),
            ),
        )

    def _encapsulate(self) -> bytes:
        oid = der.object_identifier(self.content_type)
        if self.content is None:
            return der.sequence(oid)
        return der.sequence(oid, der.context(0, der.octet_string(self.content)))

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The X.509 certificates; one that cannot be read is as if it were not there."""
        return tuple(load_certificates(self.certificate_choices))

    @property
    def crls(self) -> tuple[bytes, ...]:
        """Revocation lists, DER."""
        return tuple(one for one in self.revocation_choices if one[0] == 0x30)

    @property
    def ocsps(self) -> tuple[bytes, ...]:
        """OCSPResponses, DER."""
        found = []
        for one in self.revocation_choices:
            if one[0] == 0xA1:
                parts = parse(one).children()
                if len(parts) == 2 and parts[0].encoded == OCSP_RESPONSE:
                    found.append(parts[1].encoded)
        return tuple(found)

    def carrying(
        self,
        certificates: Iterable[x509.Certificate] = (),
        ocsps: Iterable[bytes] = (),
        crls: Iterable[bytes] = (),
    ) -> "SignedData":
        """Return it with more certificates and revocation values; none stands there twice."""
        choices = [one.public_bytes(Encoding.DER) for one in certificates]
        statuses = [der.context(1, OCSP_RESPONSE + one) for one in ocsps]
        return replace(
            self,
            certificate_choices=tuple(dict.fromkeys([*self.certificate_choices, *choices])),
            revocation_choices=tuple(dict.fromkeys([*self.revocation_choices, *statuses, *crls])),
        )

    def with_signer(self, number: int, signer: SignerInfo) -> "SignedData":
        """Return it with another SignerInfo at a place."""
        signers = list(self.signers)
        signers[number] = signer
        return replace(self, signers=tuple(signers))


def load(encoded: bytes) -> SignedData:
    """Read a ContentInfo with SignedData in it.

    Raises:
        Invalid: `format.damaged`, `format.too_large`.
    """
    if len(encoded) > LARGEST_BYTES:
        raise malformed("too large")
    outer = parse(encoded).children()
    if len(outer) != 2 or outer[0].oid() != _SIGNED_DATA or outer[1].tag != 0xA0:
        raise malformed("not SignedData")
    fields = parse(outer[1].content).children()
    _, algorithms, encapsulated = expect(fields, 0x02, 0x31, 0x30)
    rest = fields[3:]
    choices = rest.pop(0).children() if rest and rest[0].tag == 0xA0 else []
    statuses = rest.pop(0).children() if rest and rest[0].tag == 0xA1 else []
    if len(rest) != 1 or rest[0].tag != 0x31:
        raise malformed("signer infos")
    signers = rest[0].children()
    if len(signers) > MOST_SIGNERS:
        raise malformed("too many signatures")
    content_type, content = _content(encapsulated)
    return SignedData(
        content_type,
        content,
        tuple(signer_info(one) for one in signers),
        tuple(one.encoded for one in choices),
        tuple(one.encoded for one in statuses),
        tuple(one.encoded for one in algorithms.children()),
        encapsulated.encoded,
    )


def signer_info(node: Node) -> SignerInfo:
    """Read one SignerInfo."""
    fields = node.children()
    if len(fields) < 5 or fields[0].tag != 0x02 or fields[1].tag not in {0x30, 0x80}:
        raise malformed("signer info")
    version, sid, digest_algorithm, *rest = fields
    signed = rest.pop(0).encoded if rest[0].tag == 0xA0 else b""
    unsigned = rest.pop() if rest and rest[-1].tag == 0xA1 else None
    signature_algorithm, signature = expect(rest, 0x30, 0x04)
    if len(rest) != 2 or digest_algorithm.tag != 0x30:
        raise malformed("signer info")
    found = []
    for one in unsigned.children() if unsigned else ():
        oid, values = _attribute(one)
        found.append(Attribute(oid, tuple(value.encoded for value in values)))
    return SignerInfo(
        version.encoded,
        sid.encoded,
        digest_algorithm.encoded,
        signed,
        signature_algorithm.encoded,
        signature.octets(),
        signature.encoded,
        tuple(found),
    )


def load_certificates(encoded: Iterable[bytes]) -> list[x509.Certificate]:
    """Return the certificates among `encoded` that can be read."""
    found = []
    for one in encoded:
        try:
            certificate = x509.load_der_x509_certificate(one)
            # Its parts are read when they are asked for; what fails then would fail anywhere.
            _ = certificate.issuer, certificate.subject, certificate.not_valid_after_utc
            certificate.public_key()
        except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm, Warning):
            # An attribute certificate, or damaged: a signature that needs it says so. A warning
            # (a negative serial number) is an error where the process wants it to be.
            continue
        found.append(certificate)
    return found


def _content(encapsulated: Node) -> tuple[str, bytes | None]:
    parts = encapsulated.children()
    if not 1 <= len(parts) <= 2:
        raise malformed("content")
    if len(parts) == 1:
        return parts[0].oid(), None
    if parts[1].tag != 0xA0:
        raise malformed("content")
    inner = parse(parts[1].content)
    if inner.tag not in {0x04, 0x24}:
        raise malformed("content")
    return parts[0].oid(), inner.octets()


def _attribute(node: Node) -> tuple[str, tuple[Node, ...]]:
    parts = node.children()
    if len(parts) != 2 or parts[1].tag != 0x31:
        raise malformed("attribute")
    return parts[0].oid(), tuple(parts[1].children())
