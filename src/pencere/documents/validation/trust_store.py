"""Whom an installation trusts: its root, its own trusted list, and lists of other countries.

All public files under the installation's `pki` folder: `root.crt`, `tsl.xml`, and for each list
that an operator loaded `lists/<territory>.xml` with the signer they named in `<territory>.pem`.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Invalid, Misconfigured
from pencere.trust.durable import write_durably
from pencere.trust.trusted_list import TrustedList, load


@dataclass(frozen=True)
class TrustStore:
    """The public folder of an installation."""

    pki: Path

    def anchors(self) -> list[x509.Certificate]:
        """Return the roots.

        Raises:
            Misconfigured: there is none to be read.
        """
        file = self.pki / "root.crt"
        try:
            return x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            raise Misconfigured(
                file=file, key="root", value=str(error), example="a certificate, PEM"
            ) from error

    def lists(self) -> tuple[bytes, ...]:
        """Return the trusted lists at hand, not yet verified."""
        own = self.pki / "tsl.xml"
        files = [own, *sorted((self.pki / "lists").glob("*.xml"))]
        return tuple(one.read_bytes() for one in files if one.is_file())

    def signers(self) -> list[x509.Certificate]:
        """Return the certificates that an operator named as signers of lists."""
        return [
            certificate
            for file in sorted((self.pki / "lists").glob("*.pem"))
            for certificate in x509.load_pem_x509_certificates(file.read_bytes())
        ]

    def load(self, content: bytes, signers: list[x509.Certificate], at: datetime) -> TrustedList:
        """Verify a list of another country and keep it for validation.

        Raises:
            Invalid, Refused: `trusted_list.*`; nothing is kept.
        """
        found = load(content, at=at, signers=signers)
        if not found.territory.isalpha() or len(found.territory) > 8:
            raise Invalid("trusted_list.malformed", reason="territory")
        folder = self.pki / "lists"
        folder.mkdir(parents=True, exist_ok=True)
        name = found.territory.lower()
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in signers)
        write_durably(folder / f"{name}.pem", pem, mode=0o644)
        write_durably(folder / f"{name}.xml", content, mode=0o644)
        return found
