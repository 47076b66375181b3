"""The certification centre is founded, and issues what the platform needs to start.

Everything here may be done again: what is there and in force stays, what ends within
`RENEWED_BEFORE` is made anew. The root's key is opened here and nowhere else.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Misconfigured, Missing
from pencere.trust import credentials, crl, devices, relying_parties, reservations, store
from pencere.trust.algorithms import PublicKey
from pencere.trust.contents import Holder
from pencere.trust.durable import write_durably
from pencere.trust.issuance import Issuance, holder_of, read_request
from pencere.trust.keystore import Keystore
from pencere.trust.pins import Halves, Safe, install
from pencere.trust.profile import AUTHORITIES, ISSUING, load_profile
from pencere.trust.remote import wrapping

log = logging.getLogger(__name__)

RENEWED_BEFORE = timedelta(days=30)
PERHAPS_SIGNED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Person:
    """A natural person as the population register knows them. `phone` in E.164."""

    fin: str
    surname: str
    given_name: str
    phone: str


@dataclass(frozen=True)
class Enrolment:
    """What a phone sends to be enrolled: two PKCS#10 requests (DER) and its own key (SPKI, DER).

    `pins` are the centre's halves of the PINs; None for a phone that counts its tries itself.
    """

    authentication_request: bytes
    signature_request: bytes
    device_key: bytes
    pins: Halves | None = None


@dataclass(frozen=True)
class Enrolled:
    """What the phone is given. Certificates are DER, `chain` nearest issuer first, root last."""

    device_id: str
    authentication: bytes
    signature: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class Centre:
    """The certification centre with its keys at hand; `pki` is the folder of public files."""

    issuance: Issuance
    keystore: Keystore
    pki: Path

    def found(self) -> None:
        """Make the root, the issuing authorities, responders, time-stamping and directory keys."""
        self.pki.mkdir(parents=True, exist_ok=True)
        with psycopg.connect(self.issuance.conninfo) as connection:
            now = self.issuance.clock.now()
            reservations.condemn(connection, before=now - PERHAPS_SIGNED_AFTER, at=now)
        self._ensure("root", "root", "root")
        for name in ISSUING:
            self._ensure(name, name, "root")
        for name in AUTHORITIES:
            self._ensure(f"ocsp-{name}", "ocsp", name)
        for name in ("tsa", "directory"):
            self._ensure(name, name, "issuing-infrastructure")
        self.keystore.create("ledger")  # signs the heads of the log; needs no certificate
        self.keystore.create(wrapping.KEY_NAME, wrapping.ALGORITHM)  # nor does this one
        self._publish()

    def register_relying_party(self, identifier: uuid.UUID, name: str, secret: str) -> None:
        """Let a service ask phones under `name`, which it sends and people see."""
        with psycopg.connect(self.issuance.conninfo) as connection:
            relying_parties.register(connection, identifier, name, secret)

    def issue_node_certificate(
        self, request: bytes, *, body: str, organization: str, name: str, addresses: tuple[str, ...]
    ) -> list[x509.Certificate]:
        """Return a gateway node's certificate and the chain above it, for its PKCS#10 request.

        The newest certificate of the same node for the same key is returned again while it lasts.
        `body` is the body's id, `name` the node's, `addresses` DNS names and IP addresses.
        """
        subject = self._legal_subject(body, organization, name)
        holder = Holder(subject, read_request(request), addresses)
        return self._issue_once("tls-node", holder)

    def issue_seal(
        self, *, body: str, organization: str, token: str, names: str | None = None
    ) -> str:
        """Make the seal of a body and return its credential id; `token` lets the body use it.

        The key is made here, in the keystore, and never leaves it. A new token replaces the old.
        """
        name = f"seal-{body}"
        subject = self._legal_subject(body, organization, names or organization)
        if not self.keystore.has(name) or self._ends_soon(name):
            holder = Holder(subject, self._key(name, "P-256"))
            self.keystore.install(name, self._issue("seal", holder, "issuing-seal"))
        with psycopg.connect(self.issuance.conninfo) as connection:
            credentials.register(
                connection,
                credential=name,
                key_name=name,
                holder=holder_of(self.keystore.signer(name).certificate),
                token=token,
            )
        return name

    def issue_person(self, person: Person, enrolment: Enrolment) -> Enrolled:
        """Certify a person's two keys and register the phone that holds them.

        The same phone with the same keys gets the same answer while the certificates last. A
        new phone of the person closes the earlier one and revokes its certificates.
        """
        devices.read_key(enrolment.device_key)
        holder = self._natural_subject(person)["serial_number"]
        earlier = self._of_phone(holder)
        first, second = self._certify_keys(
            person, enrolment.authentication_request, enrolment.signature_request
        )
        for old in earlier:
            if old not in (first[0], second[0]):
                self.issuance.revoke(old, store.Reason.SUPERSEDED)
        with psycopg.connect(self.issuance.conninfo) as connection:
            device = devices.register(
                connection,
                devices.Registration(
                    holder,
                    person.phone,
                    enrolment.device_key,
                    store.serial_bytes(first[0].serial_number),
                    store.serial_bytes(second[0].serial_number),
                ),
                at=self.issuance.clock.now(),
            )
            if enrolment.pins is not None:
                safe = Safe(self.issuance.digest_key)
                install(connection, safe, device, enrolment.pins, at=self.issuance.clock.now())
        chain = [*first[1:], self.keystore.signer("root").certificate]
        return Enrolled(
            str(device),
            first[0].public_bytes(Encoding.DER),
            second[0].public_bytes(Encoding.DER),
            tuple(one.public_bytes(Encoding.DER) for one in chain),
        )

    def certify_person(
        self, person: Person, authentication_request: bytes, signature_request: bytes
    ) -> Enrolled:
        """Certify two keys of a person that are not in a phone: an application's, a card's.

        The person's other certificates stay in force. Requests are PKCS#10; the same keys get the
        same certificates while they last. `device_id` of the answer is empty.
        """
        first, second = self._certify_keys(person, authentication_request, signature_request)
        chain = [*first[1:], self.keystore.signer("root").certificate]
        return Enrolled(
            "",
            first[0].public_bytes(Encoding.DER),
            second[0].public_bytes(Encoding.DER),
            tuple(one.public_bytes(Encoding.DER) for one in chain),
        )

    def _certify_keys(
        self, person: Person, authentication_request: bytes, signature_request: bytes
    ) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
        """Return certificate and issuer for both keys; neither is issued for a bad request."""
        subject = self._natural_subject(person)
        authentication = Holder(subject, read_request(authentication_request))
        signature = Holder(subject, read_request(signature_request))
        return (
            self._issue_once("person-authentication", authentication),
            self._issue_once("person-signature", signature),
        )

    def _natural_subject(self, person: Person) -> dict[str, str]:
        return {
            "country": self.issuance.authority.country,
            "surname": person.surname,
            "given_name": person.given_name,
            "serial_number": f"PNO{self.issuance.authority.country}-{person.fin}",
            "common_name": f"{person.surname} {person.given_name}",
        }

    def _of_phone(self, holder: str) -> list[x509.Certificate]:
        """Return the two certificates in force in the person's present phone; none without one."""
        with psycopg.connect(self.issuance.conninfo) as connection:
            return [
                x509.load_der_x509_certificate(one)
                for one in devices.certificates_of(connection, holder)
            ]

    def _legal_subject(self, body: str, organization: str, common_name: str) -> dict[str, str]:
        country = self.issuance.authority.country
        return {
            "country": country,
            "organization": organization,
            "organization_identifier": f"NTR{country}-{body}",
            "common_name": common_name,
        }

    def _ensure(self, name: str, profile_name: str, issuer: str) -> None:
        if self.keystore.has(name):
            self._refuse_stranger(name)
            if not self._ends_soon(name):
                return
        authority, profile = self.issuance.authority, load_profile(profile_name)
        values = {
            "country": authority.country,
            "organization": authority.organization,
            "organization_identifier": authority.organization_identifier,
            "common_name": authority.names[profile_name],
        }
        holder = Holder(values, self._key(name, profile.curve))
        self.keystore.install(name, self._issue(profile_name, holder, issuer, key_name=name))

    def _key(self, name: str, curve: str) -> PublicKey:
        if self.keystore.has(name):
            return self.keystore.public_key(name)
        return self.keystore.create(name, curve)

    def _issue(
        self, profile: str, holder: Holder, issuer: str, key_name: str | None = None
    ) -> list[x509.Certificate]:
        """Issue and return the certificate and the chain above it, without the root."""
        signer = self.keystore.signer(issuer)
        certificate = self.issuance.issue(
            profile,
            holder,
            issuer_name=issuer,
            signer=signer,
            is_self_signed=key_name == issuer,
        )
        return [certificate] if issuer == "root" else [certificate, signer.certificate]

    def _issue_once(self, profile_name: str, holder: Holder) -> list[x509.Certificate]:
        profile = load_profile(profile_name)
        there = self._of_key(profile_name, holder)
        if (
            there is not None
            and there.not_valid_after_utc - self.issuance.clock.now() > RENEWED_BEFORE
        ):
            return [there, self.keystore.signer(profile.issuer).certificate]
        return self._issue(profile_name, holder, profile.issuer)

    def _of_key(self, profile: str, holder: Holder) -> x509.Certificate | None:
        """Return the newest certificate in force of this holder for this very key."""
        about = holder.subject.get("serial_number") or holder.subject["organization_identifier"]
        with psycopg.connect(self.issuance.conninfo) as connection:
            found = map(x509.load_der_x509_certificate, store.unrevoked(connection, profile, about))
            return next((one for one in found if one.public_key() == holder.public_key), None)

    def _ends_soon(self, name: str) -> bool:
        ends = self.keystore.signer(name).certificate.not_valid_after_utc
        return ends - self.issuance.clock.now() <= RENEWED_BEFORE

    def _refuse_stranger(self, name: str) -> None:
        certificate = self.keystore.signer(name).certificate
        try:
            with psycopg.connect(self.issuance.conninfo) as connection:
                store.certificate(connection, store.serial_bytes(certificate.serial_number))
        except Missing as error:
            raise Misconfigured(
                file=self.pki,
                key=f"keystore: {name}",
                value=f"serial {certificate.serial_number:x}, not in this database",
                example="the database and the keystore of the same installation",
            ) from error

    def _publish(self) -> None:
        for name in AUTHORITIES:
            signer = self.keystore.signer(name)
            pem = signer.certificate.public_bytes(Encoding.PEM)
            write_durably(self.pki / f"{name}.crt", pem, mode=0o644)
            lifetime = crl.ROOT_LIFETIME if name == "root" else crl.LIFETIME
            with psycopg.connect(self.issuance.conninfo) as connection:
                now = self.issuance.clock.now()
                lists = crl.Lists(name, signer, base_url=self.issuance.base_url, lifetime=lifetime)
                crl.renew(connection, lists, self.pki, at=now)
