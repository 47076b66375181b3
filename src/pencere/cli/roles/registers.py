"""The registers: Starlette under Granian, with the thread that orders their log."""

from starlette.applications import Starlette

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "registers", interface="asgi")


def create() -> Starlette:
    """Return the application; Granian's worker calls this."""
    installation = begin_worker()
    # In the worker only: the process that watches it stays small.
    from pencere.cli.roles.ledger import start_sequencer  # noqa: PLC0415
    from pencere.countries.country import Country  # noqa: PLC0415
    from pencere.registers.app import Config, create_app  # noqa: PLC0415
    from pencere.registers.event_port import EventPort  # noqa: PLC0415
    from pencere.registers.lint import load_registers  # noqa: PLC0415

    sequencer = start_sequencer(installation, "registers")
    country = Country.load("az")
    systems = {
        f"{one.owner}/{one.code.partition('/')[0]}"
        for one in load_registers(country).values()
        if one.events
    }
    return create_app(
        Config(
            database_url=installation.database_url("registers"),
            secret=installation.secret("registers"),
            country=country,
            ledger=sequencer.check,
            events=EventPort(
                url=installation.address("gateway-agencies"),
                state="AZ/GOV",
                keys={
                    system: installation.secret(f"client/{system.replace('/', '-')}")
                    for system in systems
                },
            ),
        )
    )
