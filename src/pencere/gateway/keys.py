"""The key a node signs with and shows, which changes while the node runs.

Everything that signs or names the certificate asks here at that moment, so that a change of
keys drops no request: what was signed with the old key stays valid as long as the directory
names it. TLS contexts are changed in place; connections that stand keep what they showed.
"""

import logging
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from pencere.gateway.config import NodeConfig, NodeSigner
from pencere.gateway.directory.model import fingerprint_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeyPair:
    """A key with its certificate: as a signer, and as files for TLS."""

    signer: NodeSigner = field(repr=False)
    certificate_file: Path
    key_file: Path
    password: str | None = field(default=None, repr=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint_of(self.certificate))

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, as the directory lists it."""
        return self.signer.certificate

    def show(self, context: ssl.SSLContext) -> None:
        """Have a TLS context show this certificate from the next handshake on."""
        context.load_cert_chain(
            str(self.certificate_file), str(self.key_file), password=self.password
        )


class NodeKeys:
    """The key in use, and the TLS contexts that show it."""

    def __init__(self, first: KeyPair) -> None:
        self.current = first
        self._contexts: list[ssl.SSLContext] = []

    @classmethod
    def of(cls, config: NodeConfig) -> "NodeKeys":
        """Return the keys a node starts with."""
        pair = KeyPair(
            config.signer, config.tls_certificate, config.tls_key, config.tls_key_password
        )
        return cls(pair)

    def seconds_left(self, now: datetime) -> float:
        """Return how long the certificate in use still lasts."""
        return (self.current.certificate.not_valid_after_utc - now).total_seconds()

    def watch(self, *contexts: ssl.SSLContext) -> None:
        """Have these contexts show what is in use, now and after a change."""
        self._contexts.extend(contexts)
        for context in contexts:
            self.current.show(context)

    def change(self, pair: KeyPair) -> None:
        """Use another key from now on; nothing is changed when its files cannot be read."""
        before = self.current
        try:
            for context in self._contexts:
                pair.show(context)
        except (OSError, ssl.SSLError):
            for context in self._contexts:
                before.show(context)
            raise
        self.current = pair
        log.info("key_changed from=%s to=%s", before.fingerprint[:16], pair.fingerprint[:16])
