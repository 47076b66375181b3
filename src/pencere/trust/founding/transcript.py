"""What happened at a ceremony, step by step, signed; and whether that can be believed later."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, Refused
from pencere.trust import quorum, signed_json
from pencere.trust.founding.description import Description
from pencere.trust.quorum import Approval, Rule, Warrant
from pencere.trust.signers import Signer

VERSION = 1


@dataclass
class Transcript:
    """The steps so far."""

    description: Description
    clock: Clock
    began: datetime
    steps: list[dict[str, Any]] = field(default_factory=list)

    def add(self, action: str, **facts: object) -> None:
        """Write a step down."""
        at = _text_of(self.clock.now())
        self.steps.append({"step": len(self.steps) + 1, "at": at, "action": action, **facts})

    def sign(self, warrant: Warrant, rule: Rule, signer: Signer) -> str:
        """Return the transcript as a JWS."""
        description = self.description
        payload = {
            "approvals": [one.as_json() for one in warrant.approvals],
            "began": _text_of(self.began),
            "ceremony": {"sha256": description.sha256.hex(), "title": description.title},
            "ended": _text_of(self.clock.now()),
            "installation": description.installation,
            "people": [{"name": name, "duty": duty} for name, duty in description.people],
            "quorum": rule.as_json(),
            "steps": self.steps,
            "valid": {
                "from": _text_of(description.not_before),
                "until": _text_of(description.not_after),
            },
            "version": VERSION,
        }
        return signed_json.sign(payload, signer)


@dataclass(frozen=True)
class Verified:
    """A transcript that holds: who approved, what was made (what it is -> SHA-256)."""

    title: str
    began: datetime
    ended: datetime
    approvers: tuple[str, ...]
    made: dict[str, str]
    steps: tuple[dict[str, Any], ...]


def verify(jws: str, content: bytes, anchors: Sequence[x509.Certificate]) -> Verified:
    """Verify a transcript against the ceremony's file and the root.

    The signature must lead to the root, the approvals must be of the file, by the rule that was
    in force (that of the file itself when the root was made), and within its time.

    Raises:
        Invalid, Refused: `transcript.*`, `signed_json.*`, `quorum.*`, `certificate.*`.
    """
    description = Description.parse(content)
    ended = _claimed_end(jws)
    payload, _ = signed_json.verify(jws, anchors, ended, "transcript")
    try:
        began = _instant_of(payload["began"])
        approvals = tuple(Approval.from_json(one) for one in payload["approvals"])
        rule = Rule.from_json(payload["quorum"])
        steps = tuple(payload["steps"])
        made = {_subject(one): str(one["sha256"]) for one in steps if "sha256" in one}
        is_of_file = (
            payload["ceremony"]["sha256"] == description.sha256.hex()
            and payload["installation"] == description.installation
        )
        is_founding = any(one["action"] == "key" and one.get("name") == "root" for one in steps)
        is_in_order = [one["step"] for one in steps] == list(range(1, len(steps) + 1))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("transcript.malformed", reason=type(error).__name__) from error
    if not is_of_file:
        raise Refused("transcript.other_ceremony", expected=description.sha256.hex())
    if is_founding and rule.as_json() != description.rule.as_json():
        raise Refused("transcript.rule", reason="another than the file's")
    if not is_in_order or not began <= ended:
        raise Refused("transcript.order")
    approvers = quorum.verify(
        Warrant(description.operation, approvals),
        rule,
        installation=description.installation,
        at=began,
    )
    names = tuple(one.name for one in approvers)
    return Verified(description.title, began, ended, names, made, steps)


def refuse_other_certificates(verified: Verified, found: dict[str, x509.Certificate]) -> None:
    """Compare certificates at hand, by name, with those that the ceremony made.

    Raises:
        Refused: `transcript.certificate`.
    """
    for name, certificate in found.items():
        wanted = verified.made.get(f"certificate {name}")
        if wanted not in (None, digest_of(certificate)):
            raise Refused("transcript.certificate", name=name, expected=wanted)


def digest_of(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a certificate's DER, as transcripts give it."""
    return sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _subject(step: dict[str, Any]) -> str:
    return f"{step['action']} {step['name']}"


def _claimed_end(jws: str) -> datetime:
    """Return when the transcript says it ended; its certificate is judged at that instant."""
    try:
        _, payload, _, _ = signed_json.parse(jws)
        return _instant_of(payload["ended"])
    except (KeyError, TypeError, ValueError, json.JSONDecodeError) as error:
        raise Invalid("transcript.malformed", reason=type(error).__name__) from error


def _text_of(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant_of(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
