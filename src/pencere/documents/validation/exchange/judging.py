"""Judging an evidence container: is every word of it proved, as of its own time?

A court asks years later: certificates have ended, nodes are gone, only the country's root is
known. So each signature is judged at the time at which it is proved to have existed, with the
statuses that were kept then; the container's time-stamp proves that those are not younger.
docs/specs/evidence-container.md, "Verification".
"""

import base64
import hashlib
import json
from dataclasses import replace
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from pencere.documents.formats import archive, asic_read, tokens
from pencere.documents.formats.found import Found, FoundSignature, FoundStamp
from pencere.documents.validation import certificate as certificates
from pencere.documents.validation.exchange import claims
from pencere.documents.validation.exchange.agreement import differences
from pencere.documents.validation.exchange.claims import Claim, Container
from pencere.documents.validation.exchange.sealed import (
    Judged,
    SealedContainer,
    failed,
    stamp_report,
)
from pencere.documents.validation.exchange.tree import root_of
from pencere.documents.validation.judging import party, path_steps
from pencere.documents.validation.process import SIGNER_REASONS
from pencere.documents.validation.processing import Demands
from pencere.documents.validation.report import (
    EXCHANGE,
    Report,
    SignatureReport,
    StampReport,
    without_verdict,
)
from pencere.documents.validation.request import Request
from pencere.documents.validation.status import SKEW
from pencere.kernel.errors import Invalid, PencereError
from pencere.ledger.proofs import leaf_hash, verify_inclusion
from pencere.ledger.verify import verify_entry
from pencere.trust import signed_json

_FROM_FORMAT = {
    "format.too_large": "file.too_large",
    "format.dangerous": "file.dangerous",
    "format.damaged": "file.damaged",
}


def is_evidence(content: bytes) -> bool:
    """Say whether a file is an evidence container, right or wrong."""
    if content[:4] != b"PK\x03\x04" or not any(
        one.encode() in content for one in (claims.ABOUT, claims.MANIFEST)
    ):
        return False
    try:
        files = archive.unpack(content).files
    except Invalid:
        return False
    return claims.is_evidence(files) or claims.is_manifest(files)


def judge(request: Request) -> Report:
    """Return what an evidence container is."""
    sha256 = hashlib.sha256(request.content).hexdigest()
    try:
        files = archive.unpack(request.content).files
        found = asic_read.read(request.content)
        if claims.is_manifest(files):
            return SealedContainer(request, found, files).report_of_manifest(sha256)
        container = claims.read(files)
    except Invalid as error:
        reason = _FROM_FORMAT.get(error.code, "exchange.malformed")
        return without_verdict(sha256, reason, request.at)
    try:
        return _Case(request, found, container).report(sha256)
    except Invalid:
        return without_verdict(sha256, "exchange.malformed", request.at)


class _Case(SealedContainer):
    """One evidence container under judgement."""

    def __init__(self, request: Request, found: Found, container: Container) -> None:
        super().__init__(request, found, container.files)
        # What the directory, once it is proved, says of the ledger of each node.
        self._named: dict[str, Any] = {}
        self._container = container
        # What `about.json` lists is what lies there, no more and no less.
        if (container.listed("certificates"), container.listed("statuses")) != (
            self._given,
            self._statuses,
        ):
            raise claims.malformed("certificates and statuses")
        self._by_digest = {hashlib.sha256(one).hexdigest(): one for one in self._given}

    def report(self, sha256: str) -> Report:
        """Judge everything."""
        whole = self._whole()
        parts = [self._signature(self._container.request, "request")]
        if self._container.response is not None:
            parts.append(self._signature(self._container.response, "response"))
        else:
            self.warnings.append("exchange.no_response")
        stamps = (self._time_stamp(), *(self._own_stamp(),))
        directory = self._directory()
        own = [*self._found.problems, *self._consistent(), *self._ledger(), *directory]
        signatures = (*parts, whole)
        reasons = (
            *own,
            *(one for signature in signatures for one in signature.reasons),
            *(one for stamp in stamps if stamp is not None for one in stamp.reasons),
        )
        return self._report(sha256, reasons, signatures, stamps, EXCHANGE)

    # Times

    @cached_property
    def _token(self) -> FoundStamp | None:
        given = self._container.about.get("time_stamp")
        if given is None:
            return None
        if not isinstance(given, dict):
            raise claims.malformed("time_stamp")
        try:
            root = bytes.fromhex(given["root"])
            token = tokens.load(self._container.file(given["token"]))
        except (ValueError, TypeError, KeyError) as error:
            raise claims.malformed("time_stamp") from error
        found = tokens.check(
            "content",
            self._container.file(given["token"]),
            None if token.imprint_algorithm != "sha256" else b"",
            others=tuple(one.x509 for one in certificates.readable(list(self._given))),
        )
        problems = [one for one in found.problems if one != "time_stamp.other_content"]
        if token.imprint != root or token.imprint_algorithm != "sha256":
            problems.append("time_stamp.other_content")
        if not self._in_tree(given, root):
            problems.append("exchange.time_stamp_path")
        return replace(found, problems=tuple(dict.fromkeys(problems)))

    def _in_tree(self, given: dict[str, object], root: bytes) -> bool:
        size, index, path = given.get("size"), given.get("index"), given.get("path")
        if type(size) is not int or type(index) is not int or not isinstance(path, list):
            raise claims.malformed("time_stamp")
        hashed = claims.path_of(path)
        return verify_inclusion(leaf_hash(self._evidence_digest), index, size, hashed, root)

    @cached_property
    def _evidence_digest(self) -> bytes:
        parts = [self._container.request, self._container.response]
        texts = [one.text + one.evidence.signature for one in parts if one is not None]
        return hashlib.sha256(b"".join(texts)).digest()

    # Signatures

    def _signature(self, claim: Claim, part: str) -> SignatureReport:
        judged, encoded = Judged(), self._by_digest.get(claim.facts["certificate"])
        certificate: x509.Certificate | None = None
        if encoded is None:
            judged.reasons.append("signature.certificate_missing")
        else:
            certificate = x509.load_der_x509_certificate(encoded)
            if not _is_signed(claim, certificate):
                judged.reasons.append("signature.wrong")
            judged.outcome = self._path(certificate, claim.at, self._kept_at, Demands())
            judged.reasons += failed(judged.outcome, claim.at, SIGNER_REASONS, "signer")
        judged.reasons += _altered(claim)
        token = self._token
        if token is not None and token.at is not None and claim.at > token.at + SKEW:
            judged.reasons.append("time_stamp.order")
        proven = token.at if token is not None and not self._token_reasons else None
        return SignatureReport(
            field=part,
            level="B-LT" if proven is not None and self._statuses else "B-B",
            signer=None if certificate is None else party(certificate),
            signed_at=claim.at,
            reasons=tuple(dict.fromkeys(judged.reasons)),
            format="Pəncərə",
            proven_at=proven,
            claimed_at=claim.at,
            algorithm="ecdsa-sha256",
            files=tuple(f"{part}/{one}" for one in ("statement.txt", "head", "body")
                        if f"{part}/{one}" in self._container.files),
            path=() if judged.outcome is None else path_steps(judged.outcome),
        )  # fmt: skip

    def _made_by(self, found: FoundSignature) -> list[str]:
        """Who makes the container vouches for the key of the ledger: the node whose log it is."""
        own = self._container.request
        if self._container.about.get("side") == "provider" and self._container.response:
            own = self._container.response
        encoded = self._by_digest.get(own.facts["certificate"])
        if encoded is None or found.certificate is None:
            return []
        is_own = x509.load_der_x509_certificate(encoded).subject == found.certificate.subject
        is_named = self._container.about.get("made_by") == own.facts["signer"]
        if self._container.response is None and self._container.about.get("side") == "provider":
            return []
        return [] if is_own and is_named else ["exchange.made_by_other"]

    # Time-stamps

    @cached_property
    def _token_reasons(self) -> list[str]:
        token = self._token
        return [] if token is None else self._judge_stamp(token, self._kept_at).reasons

    def _time_stamp(self) -> StampReport | None:
        token = self._token
        if token is None:
            return StampReport("content", None, False, ("time_stamp.missing",), None)
        return stamp_report(token, self._token_reasons)

    # The rest

    def _consistent(self) -> list[str]:
        about, request, response = (
            self._container.about, self._container.request, self._container.response,
        )  # fmt: skip
        reasons = ["exchange.differs"] if differences(self._container) else []
        if response is not None:
            swapped = (response.facts["receiver"], response.facts["signer"])
            answers = response.facts["request"] == hashlib.sha256(request.text).hexdigest()
            if (
                not answers
                or response.facts["exchange"] != request.facts["exchange"]
                or (request.facts["signer"], request.facts["receiver"]) != swapped
            ):
                reasons.append("exchange.other_answer")
        is_unanswered = response is None and about.get("outcome") == "interrupted"
        given = about.get("evidence_digest")
        if given != self._evidence_digest.hex() and given is not None and not is_unanswered:
            reasons.append("exchange.differs")
        return reasons

    def _ledger(self) -> list[str]:
        given = self._container.about.get("ledger")
        if given is None:
            return []
        if not isinstance(given, dict):
            raise claims.malformed("ledger")
        try:
            evidence = json.loads(self._container.file(given.get("evidence")))
            leaf, path = evidence["leaf"], claims.path_of(evidence["proof"])
            key = load_pem_public_key(self._container.file(given.get("key")))
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise claims.malformed("ledger key")
            verdict = verify_entry(
                entry=leaf["entry"].encode(),
                index=leaf["index"],
                proof=path,
                checkpoint=evidence["checkpoint"],
                public_key=key,
                origin=str(given.get("origin")),
            )
            entry = json.loads(leaf["entry"])
            is_ours = (
                leaf["kind"] == "access"
                and entry["exchange"] == self._container.request.facts["exchange"]
                and entry["evidence"] == self._container.about.get("evidence_digest")
                and entry["consumer"] == self._container.about.get("consumer")
                and entry["purpose"] == self._container.about.get("purpose")
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise claims.malformed("ledger") from error
        if not (verdict.included and is_ours):
            return ["exchange.ledger_wrong"]
        return [] if self._is_named_ledger(key, given.get("origin")) else ["exchange.ledger_other"]

    def _is_named_ledger(self, key: ec.EllipticCurvePublicKey, origin: object) -> bool:
        """Compare with what the directory of then says of the node's ledger, where it does."""
        is_asker = self._container.about.get("side") == "consumer"
        node = self._container.request.facts["signer" if is_asker else "receiver"]
        named = self._named.get(node)
        if named is None:
            return True
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return bool(named == {"origin": origin, "key": base64.b64encode(spki).decode("ascii")})

    def _directory(self) -> list[str]:
        """The directory of then names both nodes' keys, and is the state register's."""
        name = self._container.about.get("directory")
        if name is None:
            return ["exchange.directory_missing"]
        request, response = self._container.request, self._container.response
        try:
            jws = self._container.file(name).decode("ascii")
            anchors = [one.x509 for one in self._anchors]
            payload, signer = signed_json.verify(jws, anchors, request.at, "directory")
            listed = {
                (node["id"], one["sha256"])
                for node in payload["nodes"]
                for one in node["certificates"]
                if one["use"] == "sign"
            }
            version = payload["version"]
            about = self._container.about
            self._named = {node["id"]: node.get("ledger") for node in payload["nodes"]}
            agreed = {(one["id"], one["consumer"], one["service"]) for one in payload["agreements"]}
            said = tuple(about.get(key) for key in ("agreement", "consumer", "service"))
        except (PencereError, ValueError, TypeError, KeyError) as error:
            del error
            return ["exchange.directory_wrong"]
        outcome = self._path(signer, request.at, self._kept_at, Demands())
        reasons = failed(outcome, request.at, SIGNER_REASONS, "signer")
        signers = {(request.facts["signer"], request.facts["certificate"])}
        if response is not None:
            signers.add((response.facts["signer"], response.facts["certificate"]))
        if reasons:
            self._named = {}
        if not signers <= listed:
            reasons.append("exchange.not_in_directory")
        if said[0] and said not in agreed:
            reasons.append("exchange.differs")
        if version != self._container.about.get("directory_version"):
            reasons.append("exchange.differs")
        return reasons


def _is_signed(claim: Claim, certificate: x509.Certificate) -> bool:
    key, evidence = certificate.public_key(), claim.evidence
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    over = claim.text
    if evidence.path is not None:
        root = root_of(leaf_hash(claim.text), evidence.index, evidence.size, evidence.path)
        if root is None:
            return False
        over = claims.batch_text(claim, root)
    try:
        key.verify(evidence.signature, over, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _altered(claim: Claim) -> list[str]:
    """Compare the parts that are there with the digests that were signed."""
    for part, stated in ((claim.head, claim.facts["head"]), (claim.body, claim.facts["body"])):
        if part is not None and hashlib.sha512(part).hexdigest() != stated:
            return ["exchange.altered"]
    return []
