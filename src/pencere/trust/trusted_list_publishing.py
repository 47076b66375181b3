"""Writing, signing and renewing the national trusted list. ETSI TS 119 612 v2.3.1 clause 5.

What it says comes from the database: services with the history of their status. It is signed
anew when that changes and well before it ends; each list has the next number and is kept.
"""

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from pencere.kernel.text import LANGUAGES, Text
from pencere.trust import store, xml_signature
from pencere.trust.durable import write_durably
from pencere.trust.signers import Signer
from pencere.trust.store import Connection
from pencere.trust.trusted_list import TSL, XML, Period
from pencere.trust.trusted_list_scheme import Kind, Scheme

log = logging.getLogger(__name__)

RECOGNISED = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/recognisedatnationallevel"
DEPRECATED = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/deprecatedatnationallevel"
FILE = "tsl.xml"
_VERSION = 6
_TAG = "http://uri.etsi.org/19612/TSLTag"
_LISTS = "http://uri.etsi.org/TrstSvc/TrustedList"
_LOCK = 0x7073_6C74


@dataclass(frozen=True)
class Listed:
    """A service as the list tells of it; `periods` newest first."""

    kind: str
    certificate: x509.Certificate
    periods: tuple[Period, ...]


@dataclass(frozen=True)
class Publisher:
    """What is needed to keep the list: scheme, key, address it is served at, public folder."""

    scheme: Scheme
    signer: Signer
    address: str
    pki: Path

    def renew(
        self, connection: Connection, services: Mapping[str, x509.Certificate], *, at: datetime
    ) -> bytes:
        """Return the list in force, after signing a new one when that is due.

        `services`: the certificate of each kind of the scheme that is in use now.
        """
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        self._record(connection, services, at)
        listed = self._listed(connection)
        said = self._said(listed)
        row = connection.execute(
            "select sequence, next_update, said, content from trust.trusted_list"
            " order by sequence desc limit 1"
        ).fetchone()
        sequence, next_update, before, content = row or (0, at, b"", b"")
        if next_update - at > self.scheme.lifetime / 2 and bytes(before) == said:
            self._publish(bytes(content))
            return bytes(content)
        number = sequence + 1
        made = at.astimezone(UTC).replace(microsecond=0)
        content = self._signed(listed, number, made)
        connection.execute(
            "insert into trust.trusted_list (sequence, issued_at, next_update, said, content)"
            " values (%s, %s, %s, %s, %s)",
            (number, made, made + self.scheme.lifetime, said, content),
        )
        self._publish(content)
        log.info("trusted_list_issued sequence=%s services=%s", number, len(listed))
        return content

    def _record(
        self, connection: Connection, services: Mapping[str, x509.Certificate], at: datetime
    ) -> None:
        """Note services that are new, and those whose certificate was revoked."""
        for name, certificate in services.items():
            kind = self.scheme.kinds.get(name)
            if kind is None:
                continue
            row = connection.execute(
                "insert into trust.trust_service (type, name, certificate) values (%s, %s, %s)"
                " on conflict (type, sha256) do nothing returning id",
                (kind.type, name, certificate.public_bytes(Encoding.DER)),
            ).fetchone()
            if row is not None:
                since = max(certificate.not_valid_before_utc, datetime(2000, 1, 1, tzinfo=UTC))
                _set(connection, row[0], RECOGNISED, min(since, at))
        for identifier, encoded in connection.execute(
            "select s.id, s.certificate from trust.trust_service s where"
            " (select t.status from trust.trust_service_status t where t.service = s.id"
            "  order by t.since desc limit 1) = %s",
            (RECOGNISED,),
        ).fetchall():
            ended = _ended(connection, x509.load_der_x509_certificate(bytes(encoded)), at)
            if ended is not None:
                _set(connection, identifier, DEPRECATED, ended)

    def _listed(self, connection: Connection) -> list[Listed]:
        found = []
        for identifier, name, encoded in connection.execute(
            "select id, name, certificate from trust.trust_service order by type, id"
        ).fetchall():
            periods = connection.execute(
                "select status, since from trust.trust_service_status where service = %s"
                " order by since desc",
                (identifier,),
            ).fetchall()
            certificate = x509.load_der_x509_certificate(bytes(encoded))
            found.append(Listed(name, certificate, tuple(Period(*one) for one in periods)))
        return [one for one in found if one.kind in self.scheme.kinds and one.periods]

    def _said(self, listed: Iterable[Listed]) -> bytes:
        epoch = datetime(2000, 1, 1, tzinfo=UTC)
        root = self._document(list(listed), 0, epoch)
        content = etree.tostring(root, method="c14n", exclusive=True)
        signer = self.signer.certificate.public_bytes(Encoding.DER)
        return hashlib.sha256(content + signer).digest()

    def _signed(self, listed: list[Listed], number: int, at: datetime) -> bytes:
        return xml_signature.sign(self._document(listed, number, at), self.signer, at)

    def _publish(self, content: bytes) -> None:
        file = self.pki / FILE
        if not file.is_file() or file.read_bytes() != content:
            write_durably(file, content, mode=0o644)
            write_durably(self.pki / "tsl.sha2", hashlib.sha256(content).digest(), mode=0o644)

    def _document(self, listed: list[Listed], number: int, at: datetime) -> etree._Element:
        root = etree.Element(f"{{{TSL}}}TrustServiceStatusList", nsmap={None: TSL}, TSLTag=_TAG)
        root.set("Id", "trusted-list")
        self._scheme_information(_part(root, "SchemeInformation"), number, at)
        provider = _part(_part(root, "TrustServiceProviderList"), "TrustServiceProvider")
        self._provider_information(_part(provider, "TSPInformation"))
        services = _part(provider, "TSPServices")
        for one in listed:
            _service(_part(services, "TSPService"), one, self.scheme.kinds[one.kind])
        return root

    def _scheme_information(self, part: etree._Element, number: int, at: datetime) -> None:
        scheme, code = self.scheme, self.scheme.territory
        _part(part, "TSLVersionIdentifier", str(_VERSION))
        _part(part, "TSLSequenceNumber", str(number))
        _part(part, "TSLType", f"{_LISTS}/TSLType/{code}generic")
        _words(_part(part, "SchemeOperatorName"), "Name", scheme.operator)
        self._address(_part(part, "SchemeOperatorAddress"))
        _words(_part(part, "SchemeName"), "Name", scheme.name)
        _words(_part(part, "SchemeInformationURI"), "URI", scheme.information)
        _part(part, "StatusDeterminationApproach", f"{_LISTS}/StatusDetn/{code}determination")
        rules = _part(part, "SchemeTypeCommunityRules")
        _part(rules, "URI", f"{_LISTS}/schemerules/{code}", language="en")
        _part(part, "SchemeTerritory", code)
        _words(_part(part, "PolicyOrLegalNotice"), "TSLLegalNotice", scheme.notice)
        _part(part, "HistoricalInformationPeriod", str(scheme.history_days))
        _part(part, "ListIssueDateTime", _moment(at))
        _part(_part(part, "NextUpdate"), "dateTime", _moment(at + scheme.lifetime))
        _part(_part(part, "DistributionPoints"), "URI", self.address)

    def _provider_information(self, part: etree._Element) -> None:
        _words(_part(part, "TSPName"), "Name", self.scheme.provider)
        _part(_part(part, "TSPTradeName"), "Name", self.scheme.trade_name, language="en")
        self._address(_part(part, "TSPAddress"))
        _words(_part(part, "TSPInformationURI"), "URI", self.scheme.information)

    def _address(self, part: etree._Element) -> None:
        postal = _part(part, "PostalAddresses")
        for language in LANGUAGES:
            one = self.scheme.address[language]
            address = _part(postal, "PostalAddress", language=language)
            _part(address, "StreetAddress", one["street"])
            _part(address, "Locality", one["locality"])
            _part(address, "PostalCode", one["postal_code"])
            _part(address, "CountryName", self.scheme.territory)
        electronic = _part(part, "ElectronicAddress")
        for uri in self.scheme.contact:
            _part(electronic, "URI", uri, language="en")


def in_force(connection: Connection) -> bytes | None:
    """Return the newest list."""
    row = connection.execute(
        "select content from trust.trusted_list order by sequence desc limit 1"
    ).fetchone()
    return None if row is None else bytes(row[0])


def _set(connection: Connection, service: int, status: str, since: datetime) -> None:
    connection.execute(
        "insert into trust.trust_service_status (service, status, since) values (%s, %s, %s)"
        " on conflict do nothing",
        (service, status, since),
    )


def _ended(connection: Connection, certificate: x509.Certificate, at: datetime) -> datetime | None:
    """Return since when a service may not be relied on for anything new."""
    row = connection.execute(
        "select revoked_at from trust.revocation where serial = %s",
        (store.serial_bytes(certificate.serial_number),),
    ).fetchone()
    if row is not None:
        revoked_at: datetime = row[0]
        return revoked_at
    ends = certificate.not_valid_after_utc
    return ends if ends <= at else None


def _service(part: etree._Element, one: Listed, kind: Kind) -> None:
    newest, *before = one.periods
    current = _part(part, "ServiceInformation")
    _status(current, one, kind, newest, is_current=True)
    if kind.additional:
        extensions = _part(current, "ServiceInformationExtensions")
        for uri in kind.additional:
            extension = _part(extensions, "Extension")
            extension.set("Critical", "false")
            information = _part(extension, "AdditionalServiceInformation")
            _part(information, "URI", uri, language="en")
    if before:
        history = _part(part, "ServiceHistory")
        for period in before:
            _status(_part(history, "ServiceHistoryInstance"), one, kind, period, is_current=False)


def _status(
    part: etree._Element, one: Listed, kind: Kind, period: Period, *, is_current: bool
) -> None:
    _part(part, "ServiceTypeIdentifier", kind.type)
    _words(_part(part, "ServiceName"), "Name", kind.name)
    identity = _part(part, "ServiceDigitalIdentity")
    if is_current:  # clause 5.6.3: a past instance names the key without its certificate
        encoded = base64.b64encode(one.certificate.public_bytes(Encoding.DER)).decode()
        _part(_part(identity, "DigitalId"), "X509Certificate", encoded)
    subject = one.certificate.subject.rfc4514_string()
    _part(_part(identity, "DigitalId"), "X509SubjectName", subject)
    key_id = x509.SubjectKeyIdentifier.from_public_key(one.certificate.public_key()).digest
    _part(_part(identity, "DigitalId"), "X509SKI", base64.b64encode(key_id).decode())
    _part(part, "ServiceStatus", period.status)
    _part(part, "StatusStartingTime", _moment(period.since))


def _words(part: etree._Element, name: str, text: Text) -> None:
    # Clause 5.1.4: English is always there; the languages of the country beside it.
    for language in ("en", *(one for one in LANGUAGES if one != "en")):
        _part(part, name, text.in_language(language), language=language)


def _part(
    parent: etree._Element, name: str, text: str | None = None, language: str | None = None
) -> etree._Element:
    made = etree.SubElement(parent, f"{{{TSL}}}{name}")
    made.text = text
    if language is not None:
        made.set(f"{{{XML}}}lang", language)
    return made


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
