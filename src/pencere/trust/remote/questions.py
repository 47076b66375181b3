"""What a person is asked to agree to, as it is kept until they answer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pencere.kernel.canonical import canonical_json
from pencere.trust.remote.activation import Target

Scope = Literal["service", "credential"]


@dataclass(frozen=True)
class Question:
    """A client asks to see a person's keys, or to use one for `digests`.

    `labels` name the documents, one for each digest, empty where the client gave none.
    `redirect_uri`, `state` and `challenge` (PKCE, S256) are those of an OAuth 2.0 request.
    """

    client: str
    client_name: str
    scope: Scope
    language: str
    redirect_uri: str = ""
    state: str | None = None
    challenge: str | None = None
    description: str = ""
    credential: str | None = None
    digests: tuple[bytes, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """What activation data will be for; only with the scope `credential`."""
        return Target(self.credential or "", self.digests)

    def as_json(self) -> dict[str, Any]:
        """Return the fields; `from_json` makes it again."""
        return {
            "client": self.client,
            "client_name": self.client_name,
            "scope": self.scope,
            "language": self.language,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "challenge": self.challenge,
            "description": self.description,
            "credential": self.credential,
            "digests": [one.hex() for one in self.digests],
            "labels": list(self.labels),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Question":
        """Read what `as_json` wrote."""
        digests = tuple(bytes.fromhex(one) for one in kept["digests"])
        return cls(**{**kept, "digests": digests, "labels": tuple(kept["labels"])})

    def digest(self, identifier: bytes, holder: str) -> bytes:
        """Return what the phone signs: this question, put to this person, this one time."""
        return hashlib.sha256(
            canonical_json({**self.as_json(), "holder": holder, "consent": identifier.hex()})
        ).digest()
