"""The simulated phones of the demo persons."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "phones", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.simulators.phones.app import PhonesConfig, create_app  # noqa: PLC0415

    return create_app(
        PhonesConfig(
            folder=installation.phones,
            trust_url=installation.address("trust"),
            passphrase=installation.secret("phones"),
        )
    )
