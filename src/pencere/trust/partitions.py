"""Lists divided into parts, so that nobody fetches the revocations of a whole population.

The part a certificate is on is fixed when it is issued: its own pointer names it (RFC 5280
section 4.2.1.13), and the list says the same address in issuingDistributionPoint.
"""

from collections.abc import Mapping

# Ten million people with two certificates each and one in a hundred revoked are 200,000 entries,
# 8 MB; a part of that is 250 kB.
PARTS: Mapping[str, int] = {"issuing-person": 32}


def shard_of(issuer: str, serial: int) -> int | None:
    """Return the part for a new certificate; None when the issuer's list is whole.

    The low bits of a serial number are random, so the parts grow alike.
    """
    parts = PARTS.get(issuer)
    return serial % parts if parts else None


def list_name(issuer: str, shard: int | None) -> str:
    """Return the name a list is published under, without `.crl`."""
    return issuer if shard is None else f"{issuer}-{shard}"


def address(base_url: str, issuer: str, shard: int | None) -> str:
    """Return the address of the list that a certificate points to."""
    return f"{base_url}/crl/{list_name(issuer, shard)}.crl"


def delta_name(issuer: str) -> str:
    """Return the name the delta list of an issuer is published under."""
    return f"{issuer}-delta"
