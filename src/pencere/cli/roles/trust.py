"""The certification centre's service: Starlette behind a front of our own."""

import os
from pathlib import Path

from starlette.applications import Starlette

from pencere import countries
from pencere.cli.roles.server import begin_worker
from pencere.kernel.errors import Misconfigured
from pencere.ops.installation import Installation

_SCHEME = Path(countries.__path__[0]) / "az" / "trusted-list.yaml"
_WORKERS = "PENCERE_TRUST_WORKERS"
_SYNCHRONISED = "PENCERE_TRUST_CLOCK"


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    os.environ.update(installation.environment())
    begin_worker()
    # What only the service needs is loaded here, so that `pencere up` stays small.
    from pencere.trust.server.workers import serve as serve_front  # noqa: PLC0415

    serve_front(create, "127.0.0.1", installation.port("trust"), workers=_workers())


def create(worker: int = 0) -> Starlette:
    """Return the application of a worker. The first alone puts the ledger in order."""
    installation = begin_worker()
    from pencere.cli.roles.certification import issuance_of, keystore_of  # noqa: PLC0415
    from pencere.cli.roles.ledger import origin_of  # noqa: PLC0415
    from pencere.cli.roles.machines import machine_config  # noqa: PLC0415
    from pencere.documents.validation.server import ValidationService  # noqa: PLC0415
    from pencere.documents.validation.trust_store import TrustStore  # noqa: PLC0415
    from pencere.kernel.clock import SystemClock  # noqa: PLC0415
    from pencere.trust.server.app import create_app  # noqa: PLC0415
    from pencere.trust.server.config import TrustConfig  # noqa: PLC0415
    from pencere.trust.trusted_list_scheme import Scheme  # noqa: PLC0415

    return create_app(
        TrustConfig(
            issuance=issuance_of(installation),
            keystore=keystore_of(installation),
            pki=installation.pki,
            ledger_origin=origin_of("trust") if worker == 0 else None,
            ra_secret=installation.secret("ra"),
            machines=machine_config(installation) if worker == 0 else None,
            must_be_synchronised=_must_be_synchronised(),
            scheme=Scheme.load(_SCHEME),
        ),
        # Documents is a plane above the centre, so its service is mounted here.
        ValidationService(TrustStore(installation.pki), SystemClock()).routes,
    )


def _workers() -> int:
    given = os.environ.get(_WORKERS) or "1"
    if not given.isdigit() or not 1 <= int(given) <= 64:
        raise Misconfigured(file="environment", key=_WORKERS, value=given, example="2")
    return int(given)


def _must_be_synchronised() -> bool:
    given = os.environ.get(_SYNCHRONISED) or "trial"
    if given not in {"trial", "synchronised"}:
        raise Misconfigured(
            file="environment", key=_SYNCHRONISED, value=given, example="synchronised"
        )
    return given == "synchronised"
