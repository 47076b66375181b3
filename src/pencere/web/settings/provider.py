"""The OpenID provider (django-oauth-toolkit): authorization code with PKCE and nothing else."""

from typing import Any

from pencere.ops.installation import Installation


def provider(installation: Installation, signing_key_pem: str) -> dict[str, Any]:
    """Return OAUTH2_PROVIDER."""
    address = installation.address("portal")
    is_plain = address.startswith("http://")
    return {
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"{address}/id",
        "OIDC_RSA_PRIVATE_KEY": signing_key_pem,
        "OIDC_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OIDC_SUBJECT_TYPES_SUPPORTED": ["pairwise"],
        "OAUTH2_VALIDATOR_CLASS": "pencere.web.identity.provider.validator.Validator",
        "SCOPES": {"openid": "openid", "profile": "profile"},
        "DEFAULT_SCOPES": ["openid"],
        "PKCE_REQUIRED": True,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"] if is_plain else ["https"],
        "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ID_TOKEN_EXPIRE_SECONDS": 300,
        "REFRESH_TOKEN_EXPIRE_SECONDS": 300,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REQUEST_APPROVAL_PROMPT": "auto",
        "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    }
