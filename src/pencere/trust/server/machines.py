"""What ACME and EST share while they run: connections, keys, the task that tries challenges."""

import ssl
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from psycopg_pool import ConnectionPool
from starlette.requests import Request

from pencere.trust.acme.bindings import BindingKeys
from pencere.trust.acme.enrolment import ISSUER, Enrolment
from pencere.trust.acme.http01 import Validator
from pencere.trust.acme.limits import Limits
from pencere.trust.acme.nonces import Nonces
from pencere.trust.acme.validations import Validations
from pencere.trust.contents import Holder
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.signers import Signer

RENEWED_BEFORE = timedelta(days=30)
_KEPT = 2


@dataclass(frozen=True)
class MachineConfig:
    """Settings of the TLS listener behind which machines enrol.

    `folder` and `passphrase`: the listener's own keystore. `names`: how machines reach it, first
    the one in `base_url` (`https://...`, without a slash at the end). `secret`: at least 32 bytes
    from which nonces and binding keys are derived.
    """

    base_url: str
    port: int
    folder: Path
    passphrase: str = field(repr=False)
    secret: bytes = field(repr=False)
    validator: Validator
    names: tuple[str, ...] = ("127.0.0.1",)
    address: str = "127.0.0.1"
    limits: Limits = field(default_factory=Limits)


class Machines:
    """The state of the listener, made when the service starts."""

    def __init__(
        self,
        config: MachineConfig,
        issuance: Issuance,
        issuer: Signer,
        root: x509.Certificate,
        pool: ConnectionPool[psycopg.Connection[Any]],
    ) -> None:
        self.config = config
        self.issuance = issuance
        self.clock = issuance.clock
        self.root = root
        self._pool = pool
        self.nonces = Nonces(config.secret)
        self.keys = BindingKeys(config.secret)
        self.enrolment = Enrolment(issuance, issuer, self.connect)
        self.validations = Validations(self.connect, config.validator, self.clock)

    def connect(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Give a connection whose transaction ends with it."""
        return self._pool.connection()

    def url(self, path: str) -> str:
        """Return the address of a path of the listener."""
        return self.config.base_url + path


@dataclass(frozen=True)
class OwnCertificate:
    """The listener's own certificate, of our own infrastructure authority; renewed by itself.

    Each renewal makes a new key. The keys before the newest two are deleted.
    """

    config: MachineConfig
    issuance: Issuance

    def ensure(self, issuer: Signer) -> str:
        """Return the name of the key in force, made anew when the last one ends soon."""
        keystore, now = self._keystore(), self.issuance.clock.now()
        names = self._names(keystore)
        if names:
            certificate = keystore.certificates(names[-1])[0]
            if certificate.not_valid_after_utc - now > RENEWED_BEFORE:
                return names[-1]
        name = f"tls-{now:%Y%m%d%H%M%S}"
        certificate = self.issuance.issue(
            "tls-service",
            Holder(self._subject(), keystore.create(name, "P-256"), self.config.names),
            issuer_name=ISSUER,
            signer=issuer,
        )
        keystore.install(name, [certificate, issuer.certificate])
        for old in names[: 1 - _KEPT]:
            for suffix in (".crt", ".key", ".binding"):
                (self.config.folder / (old + suffix)).unlink(missing_ok=True)
        return name

    def load(self, context: ssl.SSLContext, name: str) -> None:
        """Let new connections use the key `name`."""
        folder = self.config.folder
        context.load_cert_chain(
            folder / f"{name}.crt", folder / f"{name}.key", self.config.passphrase
        )

    def ends(self, name: str) -> x509.Certificate:
        """Return the certificate of a key."""
        return self._keystore().certificates(name)[0]

    def _keystore(self) -> Keystore:
        return Keystore(self.config.folder, self.config.passphrase)

    @staticmethod
    def _names(keystore: Keystore) -> list[str]:
        return [name for name in keystore.names() if name[:4] == "tls-" and keystore.has(name)]

    def _subject(self) -> Mapping[str, str]:
        authority = self.issuance.authority
        return {
            "country": authority.country,
            "organization": authority.organization,
            "organization_identifier": authority.organization_identifier,
        }


def machines_of(request: Request) -> Machines:
    """Return the state of the listener that a request came to."""
    machines: Machines = request.app.state.machines
    return machines
