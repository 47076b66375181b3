"""Systems that may ask who a person is. The office is one of them."""

from django.contrib.auth.hashers import check_password
from oauth2_provider.models import Application

from pencere.ops.installation import Installation

OFFICE = "office"


def register_office(installation: Installation) -> None:
    """Register the office with the secret of this installation; safe to repeat."""
    secret = installation.secret("openid/office")
    address = f"{installation.address('office')}/sign-in/callback"
    known = Application.objects.filter(client_id=OFFICE).first()
    is_same = known is not None and known.redirect_uris == address
    if is_same and check_password(secret, known.client_secret):
        return
    Application.objects.update_or_create(
        client_id=OFFICE,
        defaults={
            "name": OFFICE,
            "client_secret": secret,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": address,
            "skip_authorization": True,
            "algorithm": Application.RS256_ALGORITHM,
            "hash_client_secret": True,
        },
    )
