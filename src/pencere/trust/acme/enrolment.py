"""A machine's certificate is issued, once for each order whatever stops in between.

The order holds its request before anything is issued, and its row is locked while it is. After a
stop the certificate is looked for by its key before another is made: what was signed and stored
is taken up, what was perhaps signed stays revoked (`trust.issuance`).
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.trust import store
from pencere.trust.acme import bindings, orders, requests
from pencere.trust.acme.bindings import Binding
from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.problems import Problem
from pencere.trust.contents import Holder
from pencere.trust.issuance import Issuance
from pencere.trust.profile import load_profile
from pencere.trust.signers import Signer
from pencere.trust.store import Connection

log = logging.getLogger(__name__)

ISSUER = "issuing-infrastructure"
_LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A.1


@dataclass(frozen=True)
class Wanted:
    """What a machine that has proved itself gets certified."""

    profile: str
    subject: dict[str, str]
    names: Sequence[Identifier]
    request: requests.MachineRequest


@dataclass(frozen=True)
class Enrolment:
    """Issues machines' certificates; `connect` gives a connection whose transaction it ends."""

    issuance: Issuance
    signer: Signer
    connect: Callable[[], AbstractContextManager[Connection]]

    def finish(self, order_id: str, account: str) -> None:
        """Issue what an order asks for; one that is finished, or failed, stays as it is.

        Raises:
            PencereError: it could not be done now; the order waits for the next trial.
        """
        with self.connect() as connection:
            order = orders.find(connection, order_id, account, lock=True)
            if order.request is None or order.certificate is not None or order.error is not None:
                return
            try:
                certificate = self._certificate_of(connection, order)
            except (Problem, Refused, Invalid) as error:
                problem = error if isinstance(error, Problem) else _not_issued(error)
                orders.fail(connection, order.id, problem.as_row())
                log.warning("acme_order_failed order=%s error=%s", order.id, error)
                return
            orders.complete(connection, order.id, store.serial_bytes(certificate.serial_number))

    def resume(self) -> int:
        """Finish the orders that a stop left in the middle; return how many there were."""
        with self.connect() as connection:
            rows = connection.execute(
                "select id, account from trust.acme_order where request is not null"
                " and certificate is null and error is null order by finalizing_at limit 20"
                " for update skip locked"
            ).fetchall()
        for identifier, account in rows:
            self.finish(identifier, account)
        return len(rows)

    def certify(
        self, connection: Connection, wanted: Wanted, reference: bytes, *, since: datetime
    ) -> x509.Certificate:
        """Return the certificate for a request: the one made for it since `since`, or a new one.

        `reference` is the SHA-256 under which the request is on record.

        Raises:
            Problem: `badPublicKey`.
            Refused, Invalid: the bytes broke a rule; nothing was signed.
        """
        subject, request = wanted.subject, wanted.request
        requests.check_key(connection, request, subject["organization_identifier"])
        row = connection.execute(
            "select c.encoded from trust.certificate c where c.state = 'issued'"
            " and c.request_sha256 = %s and c.reserved_at >= %s"
            " and not exists (select from trust.revocation r where r.serial = c.serial)"
            " order by c.reserved_at desc limit 1",
            (reference, since.replace(microsecond=0)),
        ).fetchone()
        if row is not None:
            return x509.load_der_x509_certificate(bytes(row[0]))
        return self.issuance.issue(
            wanted.profile,
            Holder(subject, request.public_key, tuple(one.value for one in wanted.names)),
            issuer_name=ISSUER,
            signer=self.signer,
            request_sha256=reference,
        )

    def chain(self) -> list[x509.Certificate]:
        """Return what stands above a certificate, without the root."""
        return [self.signer.certificate]

    def holder(self, binding: Binding) -> str:
        """Return the identifier of the body."""
        return f"NTR{self.issuance.authority.country}-{binding.body}"

    def subject(
        self, binding: Binding, profile: str, names: Sequence[Identifier]
    ) -> dict[str, str]:
        """Return the subject: the body and, where the profile has it, a common name.

        That is the first DNS name that fits, else the system's name: clients take a common name
        for a DNS name, so an address never is one.
        """
        found = {
            "country": self.issuance.authority.country,
            "organization": binding.organization,
            "organization_identifier": self.holder(binding),
        }
        if "common_name" in load_profile(profile).subject:
            fitting = [
                one.value
                for one in names
                if one.kind == "dns" and len(one.value) <= _LONGEST_COMMON_NAME
            ]
            found["common_name"] = (fitting or [binding.system])[0][:_LONGEST_COMMON_NAME]
        return found

    def _certificate_of(self, connection: Connection, order: orders.Order) -> x509.Certificate:
        assert order.request is not None and order.finalizing_at is not None  # noqa: S101, PT018
        row = connection.execute(
            "select binding from trust.acme_account where id = %s", (order.account,)
        ).fetchone()
        binding = bindings.find(connection, row[0]) if row else None
        if binding is None or not binding.is_in_force(self.issuance.clock.now()):
            raise Problem("unauthorized", "binding_unknown")
        wanted = Wanted(
            order.profile,
            self.subject(binding, order.profile, order.names),
            order.names,
            requests.read(bytes(order.request)),
        )
        reference = reference_of("acme", order.id, wanted.request.encoded)
        return self.certify(connection, wanted, reference, since=order.finalizing_at)


def reference_of(protocol: str, what: str, request: bytes) -> bytes:
    """Return the digest that ties a certificate to what asked for it."""
    return hashlib.sha256(f"{protocol} {what}\n".encode() + request).digest()


def names_of(certificate: x509.Certificate) -> set[Identifier]:
    """Return the names of a machine's certificate."""
    value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {Identifier("dns", one) for one in value.get_values_for_type(x509.DNSName)}
    return found | {Identifier("ip", str(one)) for one in value.get_values_for_type(x509.IPAddress)}


def _not_issued(error: PencereError) -> Problem:
    return Problem("badCSR", "not_issued", reason=error.code)
