"""The simulated payment provider. One worker: its order book is a folder of its own."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation

MERCHANT = "pencere"


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "bank", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.simulators.bank.app import BankConfig, create_app  # noqa: PLC0415

    return create_app(
        BankConfig(folder=installation.bank, secret=installation.secret("bank"), merchant=MERCHANT)
    )
