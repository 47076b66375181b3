"""Reading revocation lists strictly. RFC 5280 sections 5 and 6.3: scope, reasons, deltas, indirect.

`Lists` is asked about one certificate and goes through its distribution points until every
reason is covered. A list that holds anything critical it does not understand says nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from pencere.documents.formats.ber import parse
from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.crl_scope import REASONS, points, reasons_in_scope
from pencere.documents.validation.limits import LARGEST_LIST_BYTES
from pencere.documents.validation.names import Name, comparable
from pencere.documents.validation.signatures import Algorithm, Strength, algorithm, verify
from pencere.documents.validation.status import (
    ALL_REASONS,
    State,
    Status,
    Timing,
    effective,
    unknown,
)
from pencere.kernel.errors import Invalid, Refused

_EXPIRED_CERTIFICATES = x509.ObjectIdentifier("2.5.29.60")
_UNDERSTOOD = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_NUMBER,
    ExtensionOID.DELTA_CRL_INDICATOR,
    ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    ExtensionOID.FRESHEST_CRL,
    ExtensionOID.ISSUER_ALTERNATIVE_NAME,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    _EXPIRED_CERTIFICATES,
}
_ENTRY_UNDERSTOOD = {
    CRLEntryExtensionOID.CRL_REASON,
    CRLEntryExtensionOID.INVALIDITY_DATE,
    CRLEntryExtensionOID.CERTIFICATE_ISSUER,
}


@dataclass(frozen=True)
class Entry:
    """One revoked certificate."""

    revoked_at: datetime
    reason: str
    invalid_since: datetime | None


class RevocationList:
    """A list, decoded. Two are equal when their encodings are."""

    def __init__(self, encoded: bytes) -> None:
        """Decode it.

        Raises:
            Invalid: `crl.malformed`.
        """
        if len(encoded) > LARGEST_LIST_BYTES:
            raise Invalid("crl.malformed", reason="too large")
        try:
            self._read(encoded)
        except Invalid:
            raise
        except (ValueError, TypeError, IndexError, UnsupportedAlgorithm) as error:
            raise Invalid("crl.malformed", reason=type(error).__name__) from error

    def _read(self, encoded: bytes) -> None:
        crl = x509.load_der_x509_crl(encoded)
        self.sha256 = hashlib.sha256(encoded).digest()
        self.issuer: Name = comparable(crl.issuer)
        self.issuer_rdns = crl.issuer
        self.this_update = crl.last_update_utc
        self.next_update = crl.next_update_utc
        self.signature, self.signed_bytes = crl.signature, crl.tbs_certlist_bytes
        self.used = _used(encoded, crl.tbs_certlist_bytes)
        extensions = {one.oid: one for one in crl.extensions}
        self.is_understood = not any(
            one.critical and oid not in _UNDERSTOOD for oid, one in extensions.items()
        )
        self.key_id = _key_id(extensions)
        self.number = _number(extensions, ExtensionOID.CRL_NUMBER)
        self.base_number = _number(extensions, ExtensionOID.DELTA_CRL_INDICATOR)
        found = extensions.get(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
        scope = None if found is None else found.value
        if scope is not None and not isinstance(scope, x509.IssuingDistributionPoint):
            raise Invalid("crl.malformed", reason="scope")
        self.scope = scope
        self.keeps_expired_since = _keeps_expired_since(extensions)
        self._entries = self._index(crl)

    def _index(self, crl: x509.CertificateRevocationList) -> dict[tuple[Name, int], Entry]:
        entries = {}
        issuer = self.issuer
        for one in crl:
            reason, since = "unspecified", None
            for extension in one.extensions:
                if extension.critical and extension.oid not in _ENTRY_UNDERSTOOD:
                    self.is_understood = False
                match extension.value:
                    case x509.CRLReason(reason=found):
                        reason = REASONS[found]
                    case x509.InvalidityDate():
                        since = extension.value.invalidity_date_utc
                    case x509.CertificateIssuer():
                        issuer = _directory_name(extension.value) or issuer
                    case _:
                        pass
            entries[issuer, one.serial_number] = Entry(one.revocation_date_utc, reason, since)
        return entries

    def entry(self, certificate: Certificate) -> Entry | None:
        """Return the entry of a certificate, None when it is not listed."""
        return self._entries.get((certificate.issuer, certificate.serial))


@lru_cache(maxsize=64)
def load(encoded: bytes) -> RevocationList:
    """Return the list of an encoding; the same bytes are decoded once.

    Raises:
        Invalid: `crl.malformed`.
    """
    return RevocationList(encoded)


def readable(encoded: Iterable[bytes]) -> list[RevocationList]:
    """Return those that can be read."""
    found = []
    for der in encoded:
        try:
            found.append(load(der))
        except Invalid:
            continue
    return found


@dataclass(frozen=True)
class Asked:
    """The certificate that is asked about, and how a signer of lists is found and believed.

    `signers(issuer name)` gives certificates of that name with their keys; `is_believed` says
    whether one of them (not the issuer on the path) leads to the same anchor.
    """

    certificate: Certificate
    issuer: Certificate
    issuer_key: PublicKeyTypes
    timing: Timing
    strength: Strength | None
    signers: Callable[[Name], Iterable[Certificate]]
    is_believed: Callable[[Certificate, datetime], bool]
    spend: Callable[[], None]


class Lists:
    """All lists at hand. What was verified is remembered."""

    def __init__(self, lists: Iterable[RevocationList]) -> None:
        self._lists = list(lists)
        self._verified: dict[tuple[bytes, bytes], bool] = {}

    def status(self, asked: Asked) -> Status:
        """Return what the lists say; `good` only when all reasons are covered."""
        covered: set[str] = set()
        oldest: Status | None = None
        why = "crl.none"
        for point in points(asked.certificate):
            for one in self._lists:
                scope = reasons_in_scope(one, point, asked.certificate)
                if scope is None or scope <= covered:
                    continue
                problem = self._problem(one, asked)
                if problem is not None:
                    why = problem
                    continue
                found = self._look(one, asked)
                if found.state is State.REVOKED:
                    return found
                covered |= scope
                oldest = found
                if covered >= ALL_REASONS:
                    return oldest
        return unknown("crl.some_reasons" if covered else why)

    def _look(self, base: RevocationList, asked: Asked) -> Status:
        newest = base
        entry = base.entry(asked.certificate)
        for delta in self._deltas(base, asked):
            changed = delta.entry(asked.certificate)
            if changed is not None:
                entry = None if changed.reason == "remove_from_crl" else changed
            newest = delta
        source, this_update = newest.sha256, newest.this_update
        if entry is None:
            return Status(State.GOOD, "", None, "", source, this_update, newest.next_update)
        since = effective(entry.revoked_at, entry.reason, entry.invalid_since)
        return Status(
            State.REVOKED, "", since, entry.reason, source, this_update, newest.next_update
        )

    def _deltas(self, base: RevocationList, asked: Asked) -> list[RevocationList]:
        """The newest delta that goes on from a base: section 6.3.3 (c)."""
        fitting = [
            one
            for one in self._lists
            if one.base_number is not None
            and base.number is not None
            and one.number is not None
            and one.issuer == base.issuer
            and one.scope == base.scope
            and one.key_id == base.key_id
            and one.base_number <= base.number < one.number
            and self._problem(one, asked) is None
        ]
        return sorted(fitting, key=lambda one: one.number or 0)[-1:]

    def _problem(self, one: RevocationList, asked: Asked) -> str | None:
        if not one.is_understood:
            return "crl.critical_extension"
        problem = asked.timing.problem(one.this_update, one.next_update)
        if problem is not None:
            return problem
        if one.this_update > asked.certificate.not_after and (
            one.keeps_expired_since is None or one.keeps_expired_since > asked.certificate.not_after
        ):
            return "evidence.after_expiry"
        return self._signer_problem(one, asked)

    def _signer_problem(self, one: RevocationList, asked: Asked) -> str | None:
        proven = asked.timing.proven(one.sha256)
        problem = "crl.issuer_unknown"
        for signer in self._candidates(one, asked):
            usage = signer.usage
            if usage is not None and not usage.crl_sign:
                problem = "crl.issuer_not_allowed"
                continue
            key = _key_of(signer, asked)
            if key is None or not self._is_signed(one, signer, key, asked):
                problem = "crl.signature"
                continue
            digests = tuple(filter(None, (one.used.digest, one.used.mask_digest)))
            if asked.strength is not None and asked.strength.is_weak(key, digests, proven):
                problem = "evidence.weak_algorithm"
            elif proven > signer.not_after:
                problem = "evidence.signer_expired"
            elif signer == asked.issuer or asked.is_believed(signer, proven):
                return None
            else:
                problem = "crl.issuer_untrusted"
        return problem

    def _candidates(self, one: RevocationList, asked: Asked) -> Iterator[Certificate]:
        named = [asked.issuer] if one.issuer == asked.issuer.subject else []
        named += [other for other in asked.signers(one.issuer) if other != asked.issuer]
        yield from sorted(
            named, key=lambda signer: one.key_id is not None and signer.key_id != one.key_id
        )

    def _is_signed(
        self, one: RevocationList, signer: Certificate, key: PublicKeyTypes, asked: Asked
    ) -> bool:
        pair = (one.sha256, signer.sha256)
        if pair not in self._verified:
            asked.spend()
            try:
                verify(key, one.used, one.signature, one.signed_bytes)
                self._verified[pair] = True
            except Refused:
                self._verified[pair] = False
        return self._verified[pair]


def _key_of(signer: Certificate, asked: Asked) -> PublicKeyTypes | None:
    try:
        return asked.issuer_key if signer == asked.issuer else signer.public_key()
    except Invalid:
        return None


def _directory_name(names: x509.CertificateIssuer) -> Name | None:
    for one in names:
        if isinstance(one, x509.DirectoryName):
            return comparable(one.value)
    return None


def _used(encoded: bytes, signed: bytes) -> Algorithm:
    outside = parse(encoded).children()[1].encoded
    fields = parse(signed).children()
    inside = fields[1 if fields[0].tag == 0x02 else 0].encoded
    if inside != outside:
        raise Invalid("crl.malformed", reason="two signature algorithms")
    return algorithm(outside)


def _key_id(
    extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
) -> bytes | None:
    found = extensions.get(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    value = None if found is None else found.value
    return value.key_identifier if isinstance(value, x509.AuthorityKeyIdentifier) else None


def _number(
    extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
    oid: x509.ObjectIdentifier,
) -> int | None:
    found = extensions.get(oid)
    value = None if found is None else found.value
    return value.crl_number if isinstance(value, x509.CRLNumber | x509.DeltaCRLIndicator) else None


def _keeps_expired_since(
    extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
) -> datetime | None:
    from asn1crypto import core  # noqa: PLC0415 - few lists keep expired certificates

    found = extensions.get(_EXPIRED_CERTIFICATES)
    if found is None or not isinstance(found.value, x509.UnrecognizedExtension):
        return None
    moment: datetime = core.GeneralizedTime.load(found.value.value, strict=True).native
    return moment
