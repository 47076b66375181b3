"""Time-stamp tokens as evidence in a file: reading, and whether they hold. RFC 3161.

Who may issue them is judged elsewhere, as for every certificate.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pencere.documents.formats import algorithms, cms, signerinfo
from pencere.documents.formats.ber import expect, malformed, parse
from pencere.documents.formats.cms import SignedData
from pencere.documents.formats.found import FoundStamp, StampKind
from pencere.kernel.errors import Invalid

TST_INFO = "1.2.840.113549.1.9.16.1.4"
_DEEPEST = 3


@dataclass(frozen=True)
class Token:
    """A token taken apart. `imprint` is the digest it is over."""

    signed: SignedData
    policy: str
    imprint_algorithm: str
    imprint: bytes
    at: datetime


def load(encoded: bytes) -> Token:
    """Read a TimeStampToken.

    Raises:
        Invalid: `format.damaged`, `format.unsupported`.
    """
    signed = cms.load(encoded)
    if signed.content_type != TST_INFO or signed.content is None or len(signed.signers) != 1:
        raise malformed("not a time-stamp token")
    fields = parse(signed.content).children()
    _, policy, imprint, _, made = expect(fields, 0x02, 0x06, 0x30, 0x02, 0x18)
    algorithm, digest = expect(imprint.children(), 0x30, 0x04)
    return Token(
        signed, policy.oid(), algorithms.digest_name(algorithm), digest.octets(), made.time()
    )


def check(  # noqa: PLR0913 - the last three have defaults
    kind: StampKind,
    encoded: bytes,
    over: bytes | None,
    *,
    others: tuple[x509.Certificate, ...] = (),
    covers: tuple[str, ...] = (),
    proves: frozenset[bytes] = frozenset(),
) -> FoundStamp:
    """Check a token that should be over the bytes `over`; None: they cannot be told.

    `others`: certificates beside the token, one of which may be its signer's. `proves`: what
    lies in `over`, as `FoundStamp.proves`.
    """
    try:
        token = load(encoded)
    except (Invalid, ValueError) as error:
        unsupported = isinstance(error, Invalid) and error.code == "format.unsupported"
        problem = "time_stamp.unsupported" if unsupported else "time_stamp.malformed"
        return FoundStamp(kind, encoded, None, None, (), (), (), "", "", (problem,), covers)
    problems = []
    if over is None:
        problems.append("time_stamp.unsupported")
    elif algorithms.digest(token.imprint_algorithm, over) != token.imprint:
        problems.append("time_stamp.other_content")
    known = (*token.signed.certificates, *others)
    checked = signerinfo.check(token.signed.signers[0], known, token.signed.content, TST_INFO)
    problems += [_of_stamp(one) for one in checked.problems]
    if token.imprint_algorithm in algorithms.WEAK_DIGESTS:
        problems.append("time_stamp.weak_algorithm")
    return FoundStamp(
        kind,
        encoded,
        token.at,
        checked.certificate,
        token.signed.certificates,
        token.signed.ocsps,
        token.signed.crls,
        token.policy,
        token.imprint_algorithm,
        tuple(dict.fromkeys(problems)),
        covers,
        proves if over is not None and "time_stamp.other_content" not in problems else frozenset(),
    )


def contents(signed: SignedData, deepest: int = _DEEPEST) -> set[bytes]:
    """Return SHA-256 of everything in a SignedData that a stamp over all of it proves."""
    found = {sha256(one.signature) for one in signed.signers}
    found |= {sha256(one) for one in (*signed.certificate_choices, *signed.crls, *signed.ocsps)}
    for one in signed.signers:
        for attribute in one.unsigned:
            for value in attribute.values:
                found |= within(value, deepest - 1)
    return found


def within(value: bytes, deepest: int = _DEEPEST) -> set[bytes]:
    """Return SHA-256 of a value and, where it is a token, of everything in it.

    Tokens lie in tokens; what is deeper than `deepest` is not listed.
    """
    found = {sha256(value)}
    if deepest > 0:
        with contextlib.suppress(Invalid, ValueError):
            found |= contents(cms.load(value), deepest)
    return found


def sha256(content: bytes) -> bytes:
    """Return the digest under which `FoundStamp.proves` lists something."""
    return hashlib.sha256(content).digest()


def _of_stamp(problem: str) -> str:
    return {
        "signature.weak_algorithm": "time_stamp.weak_algorithm",
        "signature.certificate_missing": "time_stamp.certificate_missing",
        "signature.unsupported": "time_stamp.unsupported",
        "signature.not_bound": "time_stamp.not_bound",
    }.get(problem, "time_stamp.wrong")
