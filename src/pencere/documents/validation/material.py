"""What may be used to judge a certificate, beside the certificate itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """Certificates, revocation lists and OCSP answers, all DER; nothing is believed yet."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def __add__(self, other: "Material") -> "Material":
        return Material(
            tuple(dict.fromkeys((*self.certificates, *other.certificates))),
            tuple(dict.fromkeys((*self.crls, *other.crls))),
            tuple(dict.fromkeys((*self.ocsps, *other.ocsps))),
        )
