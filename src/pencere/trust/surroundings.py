"""What the rules for certificates must know beside the certificate and its profile."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from pencere.trust.algorithms import PublicKey
from pencere.trust.profile import Authority


@dataclass(frozen=True)
class Surroundings:
    """Who is about to sign, and where the centre answers."""

    issuer_name: str
    issuer_key: PublicKey
    authority: Authority
    base_url: str

    @property
    def is_loopback(self) -> bool:
        """Whether status is answered at a loopback address."""
        try:
            return ipaddress.ip_address(urlsplit(self.base_url).hostname or "").is_loopback
        except ValueError:
            return False
