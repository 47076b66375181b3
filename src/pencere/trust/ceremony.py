"""The certification centre issues what the platform needs to start.

Everything here may be done again: what is there and in force stays, what ends within
`RENEWED_BEFORE` is made anew. How the centre comes to its own keys stands in `founding`.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Misconfigured
from pencere.trust import credentials, devices, means, relying_parties, store
from pencere.trust.algorithms import PublicKey
from pencere.trust.contents import Holder
from pencere.trust.founding.demonstration import Demonstration
from pencere.trust.founding.rite import RENEWED_BEFORE, Place
from pencere.trust.issuance import Issuance, holder_of, read_request
from pencere.trust.keystore import Keystore
from pencere.trust.pins import Halves, Safe, install
from pencere.trust.profile import load_profile

log = logging.getLogger(__name__)

# Who approved, and under which act: plain JSON.
Approval = dict[str, Any]


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

    root: Keystore | None = None
    approvers: Keystore | None = None

    def found(self) -> str | None:
        """Hold the ceremony of the demonstration for what is due; return its transcript.

        A real centre is founded with `pencere ca ceremony`, where the root's keystore is.
        """
        if self.root is None or self.approvers is None:
            raise Misconfigured(
                file=self.pki, key="keystore: root", value="not here", example="pencere ca ceremony"
            )
        place = Place(self.issuance, self.root, self.keystore, self.pki)
        return Demonstration(place, self.approvers).found()

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
                holder=holder_of(self.keystore.certificates(name)[0]),
                token=token,
            )
        return name

    def issue_person(
        self, person: Person, enrolment: Enrolment, approvals: Sequence[Approval] = ()
    ) -> Enrolled:
        """Certify a person's two keys and register the phone that holds them.

        The same phone with the same keys gets the same answer while the certificates last. A
        new phone of the person closes the earlier one and revokes its certificates. `approvals`
        say who approved; they are put on record before anything is signed.
        """
        devices.read_key(enrolment.device_key)
        holder = self._natural_subject(person)["serial_number"]
        earlier = self._of_phone(holder)
        first, second = self._certify_keys(
            person, enrolment.authentication_request, enrolment.signature_request, approvals
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
        chain = [*first[1:], self.keystore.certificates("root")[0]]
        return Enrolled(
            str(device),
            first[0].public_bytes(Encoding.DER),
            second[0].public_bytes(Encoding.DER),
            tuple(one.public_bytes(Encoding.DER) for one in chain),
        )

    def certify_person(
        self,
        person: Person,
        authentication_request: bytes,
        signature_request: bytes,
        kind: means.Kind,
    ) -> Enrolled:
        """Certify two keys of a person that are not in a phone but in SİMA or on a card.

        The person's other certificates stay in force. Requests are PKCS#10; the same keys get the
        same certificates while they last. `device_id` of the answer is empty.
        """
        first, second = self._certify_keys(person, authentication_request, signature_request)
        with psycopg.connect(self.issuance.conninfo) as connection:
            now = self.issuance.clock.now()
            means.record(connection, kind, (first[0], second[0]), at=now)
        chain = [*first[1:], self.keystore.certificates("root")[0]]
        return Enrolled(
            "",
            first[0].public_bytes(Encoding.DER),
            second[0].public_bytes(Encoding.DER),
            tuple(one.public_bytes(Encoding.DER) for one in chain),
        )

    def _certify_keys(
        self,
        person: Person,
        authentication_request: bytes,
        signature_request: bytes,
        approvals: Sequence[Approval] = (),
    ) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
        """Return certificate and issuer for both keys; neither is issued for a bad request."""
        subject = self._natural_subject(person)
        authentication = Holder(subject, read_request(authentication_request))
        signature = Holder(subject, read_request(signature_request))
        return (
            self._issue_once("person-authentication", authentication, approvals),
            self._issue_once("person-signature", signature, approvals),
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

    def _key(self, name: str, curve: str) -> PublicKey:
        if self.keystore.has(name):
            return self.keystore.public_key(name)
        return self.keystore.create(name, curve)

    def _issue(
        self, profile: str, holder: Holder, issuer: str, approvals: Sequence[Approval] = ()
    ) -> list[x509.Certificate]:
        """Issue and return the certificate and the chain above it, without the root."""
        signer = self.keystore.signer(issuer)
        certificate = self.issuance.issue(
            profile, holder, issuer_name=issuer, signer=signer, approvals=approvals
        )
        return [certificate, signer.certificate]

    def _issue_once(
        self, profile_name: str, holder: Holder, approvals: Sequence[Approval] = ()
    ) -> list[x509.Certificate]:
        profile = load_profile(profile_name)
        there = self._of_key(profile_name, holder)
        if (
            there is not None
            and there.not_valid_after_utc - self.issuance.clock.now() > RENEWED_BEFORE
        ):
            return [there, self.keystore.certificates(profile.issuer)[0]]
        return self._issue(profile_name, holder, profile.issuer, approvals)

    def _of_key(self, profile: str, holder: Holder) -> x509.Certificate | None:
        """Return the newest certificate in force of this holder for this very key."""
        about = holder.subject.get("serial_number") or holder.subject["organization_identifier"]
        with psycopg.connect(self.issuance.conninfo) as connection:
            found = map(x509.load_der_x509_certificate, store.unrevoked(connection, profile, about))
            return next((one for one in found if one.public_key() == holder.public_key), None)

    def _ends_soon(self, name: str) -> bool:
        ends = self.keystore.certificates(name)[0].not_valid_after_utc
        return ends - self.issuance.clock.now() <= RENEWED_BEFORE
