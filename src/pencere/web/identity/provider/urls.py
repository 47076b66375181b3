"""Addresses below `/id/`: authorization code with PKCE, and what a client needs to know."""

from django.urls import include, path
from oauth2_provider.views import (
    ConnectDiscoveryInfoView,
    JwksInfoView,
    RevokeTokenView,
    TokenView,
    UserInfoView,
)

from pencere.web.identity.provider.views import Authorization
from pencere.web.rules import public, rule

# Public, as the protocol has it: each endpoint identifies the client or the token by itself,
# and the authorisation page sends to the sign-in.
_open = rule(public)

_endpoints = [
    path("authorize/", _open(Authorization.as_view()), name="authorize"),
    path("token/", _open(TokenView.as_view()), name="token"),
    path("revoke_token/", _open(RevokeTokenView.as_view()), name="revoke-token"),
    path("userinfo/", _open(UserInfoView.as_view()), name="user-info"),
    path(
        ".well-known/openid-configuration",
        _open(ConnectDiscoveryInfoView.as_view()),
        name="oidc-connect-discovery-info",
    ),
    path(".well-known/jwks.json", _open(JwksInfoView.as_view()), name="jwks-info"),
]

urlpatterns = [path("id/", include((_endpoints, "oauth2_provider")))]
