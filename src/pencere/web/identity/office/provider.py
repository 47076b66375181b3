"""What the office asks of the provider: tokens for a code, and the keys that prove them.

OpenID Connect Core 1.0 section 3.1.3. Nothing in an ID token is believed before its signature,
issuer, audience, times and nonce are checked.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pencere.kernel.errors import Refused, Unavailable

TIMEOUT_S = (3.05, 10)
SCOPE = "openid profile"
CLOCK_DIFFERENCE_S = 60


@dataclass(frozen=True, slots=True)
class Errand:
    """One sign-in on its way to the provider; kept in a signed cookie until it comes back."""

    state: str
    nonce: str
    verifier: str
    next_address: str

    @classmethod
    def to(cls, next_address: str) -> "Errand":
        """Return a new one with fresh random values."""
        return cls(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next_address=next_address,
        )

    def as_dict(self) -> dict[str, str]:
        """Return what the cookie holds."""
        return asdict(self)

    @property
    def challenge(self) -> str:
        """RFC 7636 section 4.2, S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider at `issuer`, and who we are to it."""

    issuer: str
    client_id: str
    client_secret: str
    callback: str

    def address_to_ask(self, errand: Errand, language: str) -> str:
        """Return where the browser goes to have the person identified afresh."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": SCOPE,
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
            "prompt": "login",
            "ui_locales": language,
        }
        return f"{self.issuer}/authorize/?{urlencode(query)}"

    def subject_of(self, code: str, errand: Errand, *, at: datetime) -> str:
        """Exchange the code and return the subject of the ID token.

        Raises:
            Unavailable: `openid.unavailable`.
            Refused: `openid.refused` the code is not accepted; `openid.not_proven` the token
                does not prove what it says.
        """
        answer = self._post(code, errand)
        return self._proven(str(answer.get("id_token", "")), errand, at)

    def _post(self, code: str, errand: Errand) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": errand.verifier,
        }
        try:
            answer = requests.post(
                f"{self.issuer}/token/",
                data=form,
                auth=(self.client_id, self.client_secret),
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            if answer.status_code >= 500:
                raise Unavailable("openid.unavailable", status=answer.status_code)
            if answer.status_code != 200:
                raise Refused("openid.refused", status=answer.status_code)
            body: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as fault:
            raise Unavailable("openid.unavailable", reason=type(fault).__name__) from fault
        return body

    def _proven(self, token: str, errand: Errand, at: datetime) -> str:
        now = int(at.timestamp())
        try:
            claims = jwt.decode(token, self._keys(), algorithms=["RS256"]).claims
            jwt.JWTClaimsRegistry(
                now=now,
                leeway=CLOCK_DIFFERENCE_S,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                nonce={"essential": True, "value": errand.nonce},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError) as fault:
            raise Refused("openid.not_proven", reason=type(fault).__name__) from fault
        return str(claims["sub"])

    def _keys(self) -> KeySet:
        try:
            answer = requests.get(f"{self.issuer}/.well-known/jwks.json", timeout=TIMEOUT_S)
            answer.raise_for_status()
            return KeySet.import_key_set(answer.json())
        except (requests.RequestException, ValueError) as fault:
            raise Unavailable("openid.unavailable", reason=type(fault).__name__) from fault
