"""Reading signed trusted lists: ETSI TS 119 612, ours and those of other countries.

A list is believed when its enveloped XAdES signature verifies, its signer is one that was named
beforehand or stands under an anchor with the purpose of signing lists, and it is in force.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree
from signxml.exceptions import InvalidInput, SignXMLException

from pencere.kernel.errors import Invalid, Refused
from pencere.kernel.text import Text
from pencere.trust import xml_signature
from pencere.trust.validation import validate_chain

TSL = "http://uri.etsi.org/02231/v2#"
DS = "http://www.w3.org/2000/09/xmldsig#"
XML = "http://www.w3.org/XML/1998/namespace"
LIST_SIGNING = x509.ObjectIdentifier("0.4.0.2231.3.0")
LARGEST_BYTES = 24 * 1024 * 1024
SKEW = timedelta(minutes=5)

_TYPES = "http://uri.etsi.org/TrstSvc/Svctype/"
ISSUING_QUALIFIED = _TYPES + "CA/QC"
TIME_STAMPING_QUALIFIED = _TYPES + "TSA/QTST"
STATUS_QUALIFIED = _TYPES + "Certstatus/OCSP/QC"
_STATUSES = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
# What a service may be relied on under: TS 119 612 clause 5.5.4, and D.5 for before 2016.
RECOGNISED = frozenset(
    {
        _STATUSES + "granted",
        _STATUSES + "recognisedatnationallevel",
        "http://uri.etsi.org/TrstSvc/Svcstatus/undersupervision",
        "http://uri.etsi.org/TrstSvc/Svcstatus/accredited",
        "http://uri.etsi.org/TrstSvc/Svcstatus/supervisionincessation",
        "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/undersupervision",
        "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/accredited",
        "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/supervisionincessation",
    }
)


@dataclass(frozen=True)
class Period:
    """A status of a service from an instant on."""

    status: str
    since: datetime

    @property
    def is_recognised(self) -> bool:
        """Whether the service may be relied on under it."""
        return self.status in RECOGNISED


@dataclass(frozen=True)
class Service:
    """A trust service: its keys, what it is, and its statuses, newest first."""

    provider: str
    name: Text | None
    type: str
    certificates: tuple[bytes, ...]
    periods: tuple[Period, ...]
    additional: tuple[str, ...] = ()

    @property
    def is_issuing(self) -> bool:
        """Whether it issues certificates to people or bodies."""
        return self.type.startswith(_TYPES + "CA/")

    def period(self, at: datetime) -> Period | None:
        """Return the status at an instant, None before the first."""
        return next((one for one in self.periods if one.since <= at), None)

    def was_recognised(self, at: datetime) -> bool:
        """Say whether the service could be relied on at an instant."""
        found = self.period(at)
        return found is not None and found.is_recognised


@dataclass(frozen=True)
class TrustedList:
    """A list that was verified. `pointers` are the addresses of other lists it names."""

    territory: str
    operator: str
    sequence: int
    issued_at: datetime
    next_update: datetime | None
    services: tuple[Service, ...]
    pointers: tuple[str, ...]
    signer_sha256: bytes

    def anchors(self, at: datetime, kind: str = ISSUING_QUALIFIED) -> tuple[x509.Certificate, ...]:
        """Return the certificates of services of a kind that could be relied on at an instant."""
        found = [
            der
            for one in self.services
            if one.type == kind and one.was_recognised(at)
            for der in one.certificates
        ]
        return tuple(x509.load_der_x509_certificate(der) for der in dict.fromkeys(found))


def load(
    content: bytes,
    *,
    at: datetime,
    signers: Sequence[x509.Certificate] = (),
    anchors: Sequence[x509.Certificate] = (),
    chain: Sequence[x509.Certificate] = (),
) -> TrustedList:
    """Return a list after verifying who signed it and that it is in force at `at`.

    `signers`: certificates that may sign it; otherwise its signer must stand under `anchors`,
    over `chain` and what the signature carries, with the purpose of signing lists.

    Raises:
        Invalid: `trusted_list.malformed`.
        Refused: `trusted_list.signature`, `trusted_list.signer`, `trusted_list.expired`,
            `trusted_list.future`.
    """
    root, signer, carried = _verified(content)
    _refuse_stranger(signer, at, signers, anchors, (*chain, *carried))
    found = _read(root, signer)
    if found.issued_at > at + SKEW:
        raise Refused("trusted_list.future")
    if found.next_update is None or found.next_update < at:
        # TS 119 612 clause 5.3.15: no next update means that the scheme has ended.
        raise Refused("trusted_list.expired")
    return found


@lru_cache(maxsize=16)
def _verified_once(
    content: bytes,
) -> tuple[bytes, x509.Certificate, tuple[x509.Certificate, ...]]:
    signed, certificates = xml_signature.verify(content)
    return signed, certificates[0], certificates[1:]


def _verified(
    content: bytes,
) -> tuple[etree._Element, x509.Certificate, tuple[x509.Certificate, ...]]:
    if len(content) > LARGEST_BYTES:
        raise Invalid("trusted_list.malformed", reason="too large")
    try:
        signed, signer, carried = _verified_once(content)
    except (SignXMLException, Invalid, InvalidInput, ValueError, TypeError, KeyError) as error:
        raise Refused("trusted_list.signature", reason=type(error).__name__) from error
    # What is read is what the signature was over, parsed anew: nothing beside it counts.
    root = xml_signature.parse(signed)
    if root.tag != f"{{{TSL}}}TrustServiceStatusList":
        raise Invalid("trusted_list.malformed", reason="not a list")
    return root, signer, carried


def _refuse_stranger(
    signer: x509.Certificate,
    at: datetime,
    signers: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    chain: Sequence[x509.Certificate],
) -> None:
    if not signer.not_valid_before_utc - SKEW <= at <= signer.not_valid_after_utc:
        raise Refused("trusted_list.signer", reason="not in force")
    if signer in signers:
        return
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise Refused("trusted_list.signer", reason="purpose") from error
    if LIST_SIGNING not in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        raise Refused("trusted_list.signer", reason="purpose")
    try:
        validate_chain(signer, chain, anchors, at, "trusted-list")
    except Refused as error:
        raise Refused("trusted_list.signer", reason=error.code) from error


def _read(root: etree._Element, signer: x509.Certificate) -> TrustedList:
    try:
        scheme = _needed(root, "SchemeInformation")
        sequence = int(_text(scheme, "TSLSequenceNumber"))
        return TrustedList(
            territory=_text(scheme, "SchemeTerritory"),
            operator=_name(_child(scheme, "SchemeOperatorName")),
            sequence=sequence,
            issued_at=_instant(_text(scheme, "ListIssueDateTime")),
            next_update=_next_update(scheme),
            services=tuple(_services(root)),
            pointers=tuple(_pointers(scheme)),
            signer_sha256=signer.fingerprint(hashes.SHA256()),
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise Invalid("trusted_list.malformed", reason=str(error)[:80]) from error


def _services(root: etree._Element) -> Iterator[Service]:
    for provider in root.iterfind(f".//{{{TSL}}}TrustServiceProvider"):
        information = _child(provider, "TSPInformation")
        named = _child(information, "TSPName") if information is not None else None
        for one in provider.iterfind(f".//{{{TSL}}}TSPService"):
            current = _needed(one, "ServiceInformation")
            identity = _child(current, "ServiceDigitalIdentity")
            history = one.iterfind(f"{{{TSL}}}ServiceHistory/{{{TSL}}}ServiceHistoryInstance")
            periods = [_period(current), *(_period(past) for past in history)]
            yield Service(
                provider=_name(named),
                name=_names(_child(current, "ServiceName")),
                type=_text(current, "ServiceTypeIdentifier"),
                certificates=tuple(_certificates(identity)),
                periods=tuple(sorted(periods, key=lambda one: one.since, reverse=True)),
                additional=tuple(
                    (uri.text or "").strip()
                    for uri in current.iterfind(
                        f".//{{{TSL}}}AdditionalServiceInformation/{{{TSL}}}URI"
                    )
                ),
            )


def _period(element: etree._Element) -> Period:
    return Period(_text(element, "ServiceStatus"), _instant(_text(element, "StatusStartingTime")))


def _certificates(identity: etree._Element | None) -> Iterator[bytes]:
    if identity is None:
        return
    for one in identity.iterfind(f".//{{{TSL}}}X509Certificate"):
        encoded = base64.b64decode("".join((one.text or "").split()), validate=True)
        try:
            x509.load_der_x509_certificate(encoded)
        except ValueError:
            continue  # other countries' lists hold certificates that nothing reads
        yield encoded


def _pointers(scheme: etree._Element) -> Iterator[str]:
    for one in scheme.iterfind(f".//{{{TSL}}}OtherTSLPointer/{{{TSL}}}TSLLocation"):
        yield (one.text or "").strip()


def _next_update(scheme: etree._Element) -> datetime | None:
    element = _child(scheme, "NextUpdate")
    inner = _child(element, "dateTime") if element is not None else None
    return None if inner is None else _instant(inner.text or "")


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return element.find(f"{{{TSL}}}{name}")


def _needed(element: etree._Element, name: str) -> etree._Element:
    found = _child(element, name)
    if found is None:
        raise ValueError(name)
    return found


def _text(element: etree._Element, name: str) -> str:
    found = _child(element, name)
    if found is None or not (found.text or "").strip():
        raise ValueError(name)
    return (found.text or "").strip()


def _name(element: etree._Element | None) -> str:
    names = _by_language(element)
    return names.get("en") or next(iter(names.values()), "")


def _names(element: etree._Element | None) -> Text | None:
    names = _by_language(element)
    if not names:
        return None
    other = names.get("en") or next(iter(names.values()))
    return Text(names.get("az", other), other, names.get("ru", other))


def _by_language(element: etree._Element | None) -> dict[str, str]:
    found = {}
    for one in element if element is not None else ():
        if isinstance(one.tag, str) and one.text:
            found[one.get(f"{{{XML}}}lang", "en")] = one.text.strip()
    return found


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def digest(content: bytes) -> bytes:
    """Return what `/tsl.sha2` gives: TS 119 612 clause 6.1, so that a change is noticed cheaply."""
    return hashlib.sha256(content).digest()
