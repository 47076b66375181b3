"""What the service is given when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from pencere.kernel.clock import Clock, SystemClock
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.server.machines import MachineConfig
from pencere.trust.trusted_list_scheme import Scheme


@dataclass(frozen=True)
class TrustConfig:
    """Database, keys and public files of the service.

    `pki` is where lists are published as files. The root's key is never opened by the service.
    `ra_secret` proves office and portal at `/ra`; None: nobody is let in there.
    `must_be_synchronised`: no time-stamps unless the kernel says that someone steers its clock.
    `scheme` of the national trusted list; None: this service keeps no list.
    `machines` sets up the TLS listener for ACME and EST; None leaves it out.
    `ledger_origin` names the log of the trust database; None leaves its order to another process.
    """

    issuance: Issuance
    keystore: Keystore
    pki: Path
    ledger_origin: str | None = "pencere.az/trust"
    clock: Clock = field(default_factory=SystemClock)
    most_connections: int = 8
    upkeep_interval_s: float = 5.0
    must_be_synchronised: bool = False
    ra_secret: str | None = field(default=None, repr=False)
    machines: MachineConfig | None = None
    scheme: Scheme | None = None
