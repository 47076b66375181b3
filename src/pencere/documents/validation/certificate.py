"""A certificate as path validation sees it: fields once decoded, malformed ones refused early."""

import hashlib
import warnings
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from pencere.documents.validation.limits import LARGEST_CERTIFICATE_BYTES
from pencere.documents.validation.names import Name, comparable
from pencere.kernel.errors import Invalid

E = TypeVar("E", bound=x509.ExtensionType)
DSA_OID = "1.2.840.10040.4.1"


class Certificate:
    """One certificate. Two are equal when their encodings are."""

    def __init__(self, der: bytes) -> None:
        """Decode it.

        Raises:
            Invalid: `certificate.malformed`.
        """
        self.der = der
        self.inherits_parameters = False
        if len(der) > LARGEST_CERTIFICATE_BYTES:
            raise Invalid("certificate.malformed", reason="too large")
        try:
            self.x509 = _decode(der)
        except ValueError:
            self.x509 = self._with_parameters_left_out()
        try:
            self.subject: Name = comparable(self.x509.subject)
            self.issuer: Name = comparable(self.x509.issuer)
            self.not_before: datetime = self.x509.not_valid_before_utc
            self.not_after: datetime = self.x509.not_valid_after_utc
            self.serial = _serial(self.x509)
            self._extensions: Mapping[x509.ObjectIdentifier, x509.Extension[Any]] = {
                one.oid: one for one in self.x509.extensions
            }
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Invalid("certificate.malformed", reason=type(error).__name__) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"Certificate({self.sha256.hex()[:16]})"

    @cached_property
    def sha256(self) -> bytes:
        """The fingerprint."""
        return hashlib.sha256(self.der).digest()

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are one name; RFC 5280 section 3.2."""
        return self.subject == self.issuer

    @property
    def extensions(self) -> Mapping[x509.ObjectIdentifier, x509.Extension[Any]]:
        """All extensions by their identifier."""
        return self._extensions

    def extension(self, kind: type[E]) -> E | None:
        """Return the value of an extension, None when it is not there."""
        found = self._extensions.get(kind.oid)
        if found is None:
            return None
        if not isinstance(found.value, kind):
            raise Invalid("certificate.malformed", reason=kind.__name__)
        return found.value

    @property
    def is_authority(self) -> bool:
        """Whether basic constraints say that it may issue."""
        basic = self.extension(x509.BasicConstraints)
        return basic is not None and basic.ca

    @property
    def key_id(self) -> bytes | None:
        """The subject key identifier."""
        found = self.extension(x509.SubjectKeyIdentifier)
        return None if found is None else found.digest

    @property
    def authority_key_id(self) -> bytes | None:
        """The key identifier of the issuer that it names."""
        found = self.extension(x509.AuthorityKeyIdentifier)
        return None if found is None else found.key_identifier

    @property
    def usage(self) -> x509.KeyUsage | None:
        """The key usage."""
        return self.extension(x509.KeyUsage)

    @property
    def purposes(self) -> frozenset[str] | None:
        """The extended key usages by number; None when it is not limited."""
        found = self.extension(x509.ExtendedKeyUsage)
        return None if found is None else frozenset(one.dotted_string for one in found)

    @cached_property
    def spki_bits(self) -> bytes:
        """The content of the subject's public key BIT STRING, which OCSP identifies keys by."""
        loaded = asn1_x509.Certificate.load(self.der)
        value: bytes = loaded["tbs_certificate"]["subject_public_key_info"]["public_key"].contents
        return value[1:]

    def is_valid_at(self, at: datetime) -> bool:
        """Say whether an instant lies within its validity, ends included."""
        return self.not_before <= at <= self.not_after

    def public_key(self, inherited: PublicKeyTypes | None = None) -> PublicKeyTypes:
        """Return the key; parameters that it leaves out are those of the issuer's key.

        Raises:
            Invalid: `certificate.key`.
        """
        try:
            if not self.inherits_parameters:
                return self._own_key
            return self._inheriting(inherited)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Invalid("certificate.key", reason=type(error).__name__) from error

    @cached_property
    def _own_key(self) -> PublicKeyTypes:
        return self.x509.public_key()

    def _inheriting(self, inherited: PublicKeyTypes | None) -> PublicKeyTypes:
        """RFC 3279 section 2.3.2: a DSA key without parameters has those of its issuer."""
        if not isinstance(inherited, dsa.DSAPublicKey):
            raise TypeError("no parameters to inherit")
        spki = asn1_x509.Certificate.load(self.der)["tbs_certificate"]["subject_public_key_info"]
        own = int(spki["public_key"].parsed.native)
        return dsa.DSAPublicNumbers(own, inherited.parameters().parameter_numbers()).public_key()

    def _with_parameters_left_out(self) -> x509.Certificate:
        """Decode a certificate whose DSA key has no parameters, which `cryptography` refuses."""
        try:
            loaded = asn1_x509.Certificate.load(self.der, strict=True)
            algorithm = loaded["tbs_certificate"]["subject_public_key_info"]["algorithm"]
            _refuse_other_than_dsa(algorithm)
            algorithm["parameters"] = asn1_keys.DSAParams({"p": 1, "q": 1, "g": 1})
            decoded = _decode(loaded.dump(force=True))
        except Exception as error:  # asn1crypto raises what it likes for what it cannot read
            raise Invalid("certificate.malformed", reason="encoding") from error
        self.inherits_parameters = True
        return decoded

    @cached_property
    def signed_bytes(self) -> bytes:
        """What its signature is over, as it came."""
        if not self.inherits_parameters:
            return self.x509.tbs_certificate_bytes
        original = asn1_x509.Certificate.load(self.der)
        encoded: bytes = original["tbs_certificate"].dump()
        return encoded


@lru_cache(maxsize=2048)
def load(der: bytes) -> Certificate:
    """Return the certificate of an encoding; the same bytes are decoded once.

    Raises:
        Invalid: `certificate.malformed`.
    """
    return Certificate(der)


def of(certificate: x509.Certificate) -> Certificate:
    """Return our view of a certificate that is decoded already."""
    return load(certificate.public_bytes(Encoding.DER))


def readable(encoded: "list[bytes] | tuple[bytes, ...]") -> list[Certificate]:
    """Return those that can be read; one that cannot is as if it were not there."""
    found = []
    for der in encoded:
        try:
            found.append(load(der))
        except Invalid:
            continue
    return found


def _refuse_other_than_dsa(algorithm: asn1_keys.PublicKeyAlgorithm) -> None:
    if algorithm["algorithm"].dotted != DSA_OID or algorithm["parameters"].native:
        raise ValueError("not a DSA key without parameters")


def _decode(der: bytes) -> x509.Certificate:
    # A serial number that is not positive is only warned about. PKITS 4.1.14 has one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der)


def _serial(certificate: x509.Certificate) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return certificate.serial_number


UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.SUBJECT_INFORMATION_ACCESS,
        ExtensionOID.FRESHEST_CRL,
        ExtensionOID.OCSP_NO_CHECK,
        x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"),  # qualified certificate statements
    }
)
