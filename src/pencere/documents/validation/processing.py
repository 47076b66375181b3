"""One path, from its anchor to its end: RFC 5280 section 6.1, without the status.

The constraints of an anchor that is a certificate are applied too, as RFC 5937 section 3 does.
"""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.validation.certificate import UNDERSTOOD, Certificate
from pencere.documents.validation.constraints import NameSpace
from pencere.documents.validation.policies import PolicyGraph, PolicyInputs
from pencere.documents.validation.signatures import Strength, algorithm
from pencere.kernel.errors import Invalid, Refused

Path = tuple[Certificate, ...]


@dataclass(frozen=True)
class Demands:
    """What is demanded of a path beside that it holds.

    `purposes`: extended key usages of which the last certificate must have one, or no limit;
    `strict_purposes` refuses the latter. `strength` None relies on every algorithm.
    """

    policies: PolicyInputs = field(default_factory=PolicyInputs)
    strength: Strength | None = field(default_factory=Strength)
    purposes: frozenset[str] = frozenset()
    strict_purposes: bool = False
    is_authority: bool | None = None


def keys_along(path: Path) -> list[PublicKeyTypes]:
    """Return the keys of a path, leaf first as the path is; inherited parameters filled in."""
    keys: list[PublicKeyTypes] = []
    above: PublicKeyTypes | None = None
    for certificate in reversed(path):
        above = certificate.public_key(above)
        keys.append(above)
    return keys[::-1]


def process(path: Path, at: datetime, demands: Demands) -> frozenset[str]:
    """Return the policies a path is valid for at an instant; the anchor is its last.

    Signatures are those that path building verified.

    Raises:
        Refused: `path.*`; the fact `depth` is the place in the path, 0 the leaf.
    """
    below = list(reversed(path[:-1]))
    graph, names = PolicyGraph(demands.policies, len(below)), NameSpace()
    most_below = _start(path[-1], names, len(below))
    keys = keys_along(path)
    for number, certificate in enumerate(below):
        depth = len(below) - 1 - number
        is_last = depth == 0
        try:
            _check_in_time(certificate, at)
            _check_understood(certificate)
            _check_strength(certificate, keys[depth + 1], at, demands.strength)
            if is_last or not certificate.is_self_issued:
                names.check(certificate)
            graph.take(certificate, is_last=is_last)
            if is_last:
                policies = graph.conclude(certificate)
                _check_end(certificate, keys[0], at, demands)
                return policies
            graph.prepare(certificate)
            names.narrow(certificate)
            most_below = _check_authority(certificate, most_below)
        except Refused as error:
            raise Refused(error.code, **{**error.facts, "depth": depth}) from error
        except Invalid as error:
            raise Refused("path.malformed", depth=depth) from error
    _check_end(path[0], keys[0], at, demands)  # the anchor itself is what was asked about
    return demands.policies.acceptable


def _start(anchor: Certificate, names: NameSpace, length: int) -> int:
    try:
        names.narrow(anchor)
        basic = anchor.extension(x509.BasicConstraints)
    except Invalid as error:
        raise Refused("path.malformed") from error
    if basic is None or basic.path_length is None:
        return length
    return min(basic.path_length, length)


def _check_in_time(certificate: Certificate, at: datetime) -> None:
    if at < certificate.not_before:
        raise Refused("path.not_yet_valid")
    if at > certificate.not_after:
        raise Refused("path.expired")


def _check_understood(certificate: Certificate) -> None:
    for oid, extension in certificate.extensions.items():
        if extension.critical and oid not in UNDERSTOOD:
            raise Refused("path.critical_extension", oid=oid.dotted_string)


def _check_strength(
    certificate: Certificate, issuer: PublicKeyTypes, at: datetime, strength: Strength | None
) -> None:
    if strength is None:
        return
    used = algorithm(signature_identifier(certificate))
    if strength.is_weak(issuer, tuple(filter(None, (used.digest, used.mask_digest))), at):
        raise Refused("path.weak_algorithm")


def signature_identifier(certificate: Certificate) -> bytes:
    """Return the AlgorithmIdentifier of its signature; inside and outside must be the same.

    Raises:
        Invalid: `certificate.malformed`.
    """
    from pencere.documents.formats.ber import parse  # noqa: PLC0415 - small, and used once

    outside = parse(certificate.der).children()[1].encoded
    fields = parse(certificate.signed_bytes).children()
    inside = fields[2 if fields[0].tag == 0xA0 else 1].encoded
    if inside != outside:
        raise Invalid("certificate.malformed", reason="two signature algorithms")
    return outside


def _check_authority(certificate: Certificate, most_below: int) -> int:
    """Section 6.1.4 (k) to (n): return how many authorities may still follow."""
    if not certificate.is_authority:
        raise Refused("path.not_an_authority")
    left = most_below
    if not certificate.is_self_issued:
        if most_below <= 0:
            raise Refused("path.too_long")
        left -= 1
    basic = certificate.extension(x509.BasicConstraints)
    if basic is not None and basic.path_length is not None:
        left = min(left, basic.path_length)
    usage = certificate.usage
    if usage is not None and not usage.key_cert_sign:
        raise Refused("path.not_an_authority")
    return left


def _check_end(
    certificate: Certificate, key: PublicKeyTypes, at: datetime, demands: Demands
) -> None:
    if demands.is_authority is not None and certificate.is_authority is not demands.is_authority:
        raise Refused("path.purpose")
    if demands.strength is not None and demands.strength.is_weak(key, (), at):
        raise Refused("path.weak_algorithm")
    if not demands.purposes:
        return
    given = certificate.purposes
    if given is None:
        if demands.strict_purposes:
            raise Refused("path.purpose")
        return
    wanted = demands.purposes if demands.strict_purposes else {*demands.purposes, "2.5.29.37.0"}
    if not given & wanted:
        raise Refused("path.purpose")
