"""The simulated SİMA applications of the demo persons."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation

# Under which id the portal is registered with SİMA.
PORTAL = "pencere-portal"


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "sima", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.simulators.sima.app import SimaConfig, create_app  # noqa: PLC0415

    return create_app(
        SimaConfig(
            folder=installation.sima,
            passphrase=installation.secret("sima/applications"),
            clients={PORTAL: installation.secret(f"sima/{PORTAL}")},
        )
    )
