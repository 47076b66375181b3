"""How the certification centre of an installation is put together."""

from pencere.kernel.clock import SystemClock
from pencere.ops.addresses import Addresses
from pencere.ops.installation import Installation
from pencere.trust.ceremony import Centre
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority


def keystore_of(installation: Installation) -> Keystore:
    """Return the keystore of the centre: authorities, responders, seals of bodies."""
    return Keystore(installation.trust, installation.secret("keystore"), installation.identity)


def root_keystore_of(installation: Installation) -> Keystore:
    """Return the keystore of the root, under a passphrase of its own."""
    return Keystore(installation.root, installation.secret("root"), installation.identity)


def approvers_of(installation: Installation) -> Keystore:
    """Return the keys of the invented approvers."""
    return Keystore(installation.approvers, installation.secret("approvers"))


def issuance_of(installation: Installation) -> Issuance:
    """Return what issuing needs, with the daily user's rights."""
    return Issuance(
        conninfo=installation.database_url("trust"),
        authority=load_authority(),
        base_url=Addresses.of(installation).trust,
        clock=SystemClock(),
        digest_key=installation.secret("ledger/trust").encode(),
        installation=installation.identity,
    )


def centre_of(installation: Installation) -> Centre:
    """Return the centre with the keys of its services at hand; the root's is not among them."""
    return Centre(issuance_of(installation), keystore_of(installation), installation.pki)


def founding_centre_of(installation: Installation) -> Centre:
    """Return the centre with the root and the invented approvers, for the demonstration."""
    return Centre(
        issuance_of(installation),
        keystore_of(installation),
        installation.pki,
        root_keystore_of(installation),
        approvers_of(installation),
    )
