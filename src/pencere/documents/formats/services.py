"""Time-stamps and status over the network, for those who sign.

Connections are kept. What a responder said is used again for a minute, that of authorities for
longer; a batch therefore asks once for its signer, and after its first signature was stamped.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pencere.documents.formats import algorithms, signerinfo, tokens
from pencere.documents.formats.levels import Evidence
from pencere.documents.remote import Http, StatusEvidence
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, PencereError, Refused, Unavailable
from pencere.trust import der, timestamps

LONGEST_PATH = 6
_SKEW = timedelta(minutes=5)


@dataclass
class NetworkServices:
    """`tsa_url` is needed from B-T on; `anchors`, where given, are the only roots accepted.

    `others`: certificates that may be missing in what is signed. `again`: how long an answer
    about a signer serves for more signatures. Safe to share between threads.
    """

    clock: Clock
    tsa_url: str | None = None
    anchors: Sequence[x509.Certificate] = ()
    others: Sequence[x509.Certificate] = ()
    again: timedelta = timedelta(seconds=60)
    _stamping: Http = field(default_factory=lambda: Http("time_stamp"), init=False, repr=False)
    _status: StatusEvidence = field(default_factory=StatusEvidence, init=False, repr=False)
    _lists: Http = field(default_factory=lambda: Http("status"), init=False, repr=False)
    _said: dict[bytes, tuple[datetime, Evidence]] = field(
        default_factory=dict, init=False, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def refuse_unfit(self, certificate: x509.Certificate) -> None:
        """Refuse a certificate out of its time or without the promise that a signature is.

        Raises:
            Refused: `certificate.expired`, `certificate.not_yet_valid`, `certificate.purpose`.
        """
        now = self.clock.now()
        if now > certificate.not_valid_after_utc:
            raise Refused("certificate.expired", ended=certificate.not_valid_after_utc.isoformat())
        if now < certificate.not_valid_before_utc - _SKEW:
            raise Refused("certificate.not_yet_valid")
        try:
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return
        except ValueError as error:
            raise Refused("certificate.purpose") from error
        if not (usage.content_commitment or usage.digital_signature):
            raise Refused("certificate.purpose")

    def stamp(self, over: bytes) -> bytes:
        """Return a token over the SHA-256 of `over`; raises as `stamp_digest`."""
        return self.stamp_digest(algorithms.digest("sha256", over))

    def stamp_digest(self, digest: bytes) -> bytes:
        """Return a token over a SHA-256 digest, checked.

        Raises:
            Unavailable: `time_stamp.unavailable`.
            Refused: `time_stamp.refused`.
        """
        if self.tsa_url is None:
            raise Invalid("sign.no_time_stamping")
        nonce = secrets.randbits(63) | 1
        answer = self._stamping.post(
            self.tsa_url,
            content=timestamps.request(digest, nonce=nonce),
            Content_Type="application/timestamp-query",
        )
        try:
            parts = der.only(answer, der.SEQUENCE, limit=1024 * 1024)
            status = parts.element(der.SEQUENCE).children().integer()
            if status not in {0, 1}:
                raise Refused("time_stamp.refused", status=status)
            token = parts.element(der.SEQUENCE).encoded
            loaded = tokens.load(token)
        except Invalid as error:
            raise Unavailable("time_stamp.unavailable", error="malformed") from error
        is_ours = loaded.imprint == digest and der.integer(nonce) in (loaded.signed.content or b"")
        if not is_ours:
            raise Unavailable("time_stamp.unavailable", error="another token")
        known = (*loaded.signed.certificates, *self.others)
        signer = loaded.signed.signers[0]
        problems = signerinfo.check(signer, known, loaded.signed.content, tokens.TST_INFO).problems
        if problems:
            raise Unavailable("time_stamp.unavailable", error=problems[0])
        return token

    def evidence(
        self,
        signing: Sequence[x509.Certificate],
        stamping: Sequence[x509.Certificate],
        known: Sequence[x509.Certificate],
    ) -> Evidence:
        """Return paths to the roots and the status of every certificate below them.

        Raises:
            Refused: `certificate.revoked`, `certificate.untrusted`, `certificate.unknown`.
            Unavailable: `status.unavailable`.
        """
        pool = [*known, *self.others, *self.anchors]
        certificates: dict[x509.Certificate, None] = {}
        ocsps: dict[bytes, None] = {}
        crls: dict[bytes, None] = {}
        for leaf in dict.fromkeys([*signing, *stamping]):
            path = self.path(leaf, pool)
            certificates |= dict.fromkeys(path)
            for one, issuer in pairwise(path):
                said = self._status_of(one, issuer, fresh=one in signing)
                certificates |= dict.fromkeys(said.certificates)
                ocsps |= dict.fromkeys(said.ocsps)
                crls |= dict.fromkeys(said.crls)
        return Evidence(tuple(certificates), tuple(ocsps), tuple(crls))

    def path(
        self, leaf: x509.Certificate, pool: Sequence[x509.Certificate]
    ) -> list[x509.Certificate]:
        """Return the way from a certificate to a root, both included.

        Raises:
            Refused: `certificate.untrusted`: it ends nowhere, or not at one of the anchors.
        """
        path = [leaf]
        while path[-1].issuer != path[-1].subject:
            below = path[-1]
            above = next(
                (one for one in pool if one.subject == below.issuer and _issued(below, one)), None
            )
            if above is None or above in path or len(path) == LONGEST_PATH:
                raise Refused("certificate.untrusted", reason="the issuer is not known")
            path.append(above)
        if self.anchors and path[-1] not in self.anchors:
            raise Refused("certificate.untrusted", reason="another root")
        return path

    def _status_of(
        self, certificate: x509.Certificate, issuer: x509.Certificate, *, fresh: bool
    ) -> Evidence:
        key = certificate.public_bytes(Encoding.DER)
        now = self.clock.now()
        with self._lock:
            until, said = self._said.get(key, (now, Evidence()))
        if now < until:
            return said
        try:
            said = self._ocsp(certificate, issuer, fresh=fresh)
        except (Unavailable, Refused) as error:
            if error.code.startswith("certificate."):
                raise
            said = self._crl(certificate, issuer, error)
        with self._lock:
            self._said[key] = (now + self.again, said)
        return said

    def _ocsp(
        self, certificate: x509.Certificate, issuer: x509.Certificate, *, fresh: bool
    ) -> Evidence:
        encoded = self._status.ocsp(certificate, issuer, fresh=fresh)
        answer = ocsp.load_der_ocsp_response(encoded)
        now = self.clock.now()
        responder = next((one for one in answer.certificates if _answers(one, issuer)), issuer)
        try:
            scheme = algorithms.Scheme(_kind(responder), _digest_of(answer))
            algorithms.verify(
                responder.public_key(), scheme, answer.signature, answer.tbs_response_bytes
            )
        except (InvalidSignature, ValueError) as error:
            raise Unavailable("status.unavailable", error="signature") from error
        is_current = answer.this_update_utc - _SKEW <= now and (
            answer.next_update_utc is None or now <= answer.next_update_utc + _SKEW
        )
        if answer.serial_number != certificate.serial_number or not is_current:
            raise Unavailable("status.unavailable", error="not about this certificate, now")
        if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            raise Refused("certificate.revoked")
        if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            raise Refused("certificate.unknown")
        return Evidence(tuple(answer.certificates), (encoded,))

    def _crl(
        self, certificate: x509.Certificate, issuer: x509.Certificate, instead_of: PencereError
    ) -> Evidence:
        for url in _list_addresses(certificate):
            encoded = self._lists.get(url)
            try:
                found = x509.load_der_x509_crl(encoded)
                good = found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
            except (ValueError, TypeError) as error:
                raise Unavailable("status.unavailable", error="malformed list") from error
            ends = found.next_update_utc
            if not good or ends is None or self.clock.now() > ends + _SKEW:
                raise Unavailable("status.unavailable", error="list not in force")
            if found.get_revoked_certificate_by_serial_number(certificate.serial_number):
                raise Refused("certificate.revoked")
            return Evidence((), (), (encoded,))
        raise instead_of


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _answers(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether a certificate is a responder's that the issuer delegated to."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in purposes and _issued(certificate, issuer)


def _kind(certificate: x509.Certificate) -> str:
    return "rsa" if "RSA" in type(certificate.public_key()).__name__.upper() else "ecdsa"


def _digest_of(answer: ocsp.OCSPResponse) -> str:
    algorithm = answer.signature_hash_algorithm
    if algorithm is None:
        raise ValueError("no digest")
    return algorithm.name.replace("-", "_")


def _list_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        name.value
        for point in points
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith("http")
    ]
