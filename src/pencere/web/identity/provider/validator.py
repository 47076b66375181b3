"""What another system learns about a person: an opaque subject, the name, how surely known."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator

from pencere.web.people.domain.subjects import subject_for

CLAIMS = ("sub", "name", "given_name", "family_name", "locale", "acr", "auth_time")

# eIDAS Article 8 levels, as URIs of the EU's own list.
ACR = "http://eidas.europa.eu/LoA/{level}"


class Validator(OAuth2Validator):  # type: ignore[misc] # the toolkit has no types
    """The toolkit's validator with our claims. No personal number leaves here."""

    oidc_claim_scope = {
        "sub": "openid",
        "acr": "openid",
        "name": "profile",
        "given_name": "profile",
        "family_name": "profile",
        "locale": "profile",
    }

    def get_claim_dict(self, request: Any) -> dict[str, str]:
        """Return all claims; the toolkit keeps those of the granted scopes."""
        person = request.user
        identity = person.identity
        latest = person.sessions.order_by("-begun_at").first()
        claims = {
            "sub": subject_for(person.pk, request.client.client_id),
            "name": identity.name,
            "given_name": identity.given_name,
            "family_name": identity.surname,
            "locale": person.language,
        }
        if latest is not None:
            claims["acr"] = ACR.format(level=latest.assurance)
        return claims

    def get_discovery_claims(self, request: Any) -> list[str]:
        """Return what discovery announces."""
        del request
        return list(CLAIMS)

    def get_userinfo_claims(self, request: Any) -> dict[str, str]:
        """Return the claims of `/id/userinfo/`; the token knows its client."""
        request.client = request.access_token.application
        claims: dict[str, str] = super().get_userinfo_claims(request)
        return claims
