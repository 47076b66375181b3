"""The certification centre's service: Starlette under Granian."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "trust", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.cli.roles.certification import issuance_of, keystore_of  # noqa: PLC0415
    from pencere.cli.roles.ledger import origin_of  # noqa: PLC0415
    from pencere.trust.server.app import create_app  # noqa: PLC0415
    from pencere.trust.server.config import TrustConfig  # noqa: PLC0415

    return create_app(
        TrustConfig(
            issuance=issuance_of(installation),
            keystore=keystore_of(installation),
            pki=installation.pki,
            ledger_origin=origin_of("trust"),
        )
    )
