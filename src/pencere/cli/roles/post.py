"""The simulated post office: mail, text messages, and a page to read them."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "post", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.simulators.post.app import PostConfig, create_app  # noqa: PLC0415

    return create_app(
        PostConfig(
            folder=installation.post,
            secret=installation.secret("sms"),
            smtp_port=installation.port("post-smtp"),
        )
    )
