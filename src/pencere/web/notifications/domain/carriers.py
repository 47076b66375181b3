"""The operator's carriers, by channel."""

from django.conf import settings

from pencere.web.notifications.domain import sms, smtp
from pencere.web.notifications.domain.channels import EMAIL, Carrier, Channel

REPORTS = "/notices/sms/report"


def carrier_of(channel: Channel) -> Carrier | None:
    """Return who carries messages of a channel, None when the operator has none.

    Raises:
        Misconfigured: a variable or a secret cannot be used.
    """
    secrets = settings.INSTALLATION.secrets
    if channel is EMAIL:
        return smtp.mailer(secrets)
    return sms.provider(secrets, callback=settings.INSTALLATION.address("portal") + REPORTS)
