"""The TLS listener for machines gets its certificate, so that the service need not at its start."""

from pencere.cli.roles.machines import machine_config
from pencere.ops.installation import Installation
from pencere.trust.acme.enrolment import ISSUER
from pencere.trust.ceremony import Centre
from pencere.trust.server.machines import OwnCertificate


def certify_listener(installation: Installation, centre: Centre) -> None:
    """Make key and certificate, or renew them when they end soon."""
    own = OwnCertificate(machine_config(installation), centre.issuance)
    own.ensure(centre.keystore.signer(ISSUER))
