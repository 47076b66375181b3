"""Time-stamp tokens as evidence in a file: reading, and whether they hold. RFC 3161.

Who may issue them is judged elsewhere, as for every certificate.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pencere.documents.formats import algorithms, cms, signerinfo
from pencere.documents.formats.ber import expect, malformed, parse
from pencere.documents.formats.cms import SignedData
from pencere.documents.formats.found import FoundStamp, StampKind
from pencere.kernel.errors import Invalid

TST_INFO = "1.2.840.113549.1.9.16.1.4"


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


def check(
    kind: StampKind,
    encoded: bytes,
    over: bytes | None,
    *,
    others: tuple[x509.Certificate, ...] = (),
    covers: tuple[str, ...] = (),
) -> FoundStamp:
    """Check a token that should be over the bytes `over`; None: they cannot be told.

    `others`: certificates beside the token, one of which may be its signer's.
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
    )


def _of_stamp(problem: str) -> str:
    return {
        "signature.weak_algorithm": "time_stamp.weak_algorithm",
        "signature.certificate_missing": "time_stamp.certificate_missing",
        "signature.unsupported": "time_stamp.unsupported",
        "signature.not_bound": "time_stamp.not_bound",
    }.get(problem, "time_stamp.wrong")
