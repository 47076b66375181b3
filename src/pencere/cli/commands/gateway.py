"""`pencere gateway sandbox`: both nodes in one process, for developers of a body's system."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pencere.cli.options import parser, subparsers
from pencere.gateway.sandbox import SandboxConfig
from pencere.gateway.sandbox import run as run_sandbox
from pencere.kernel.errors import Misconfigured
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster

DATABASES = ("gateway_portal", "gateway_agencies")


def run(arguments: Sequence[str]) -> int:
    """Run the sandbox until Ctrl-C; it leaves nothing behind."""
    options = parser("gateway", "The gateway, for developers.")
    sandbox = subparsers(options, [("sandbox", "run both nodes with a directory from a file")])
    sandbox["sandbox"].add_argument("--directory", required=True, metavar="FILE")
    sandbox["sandbox"].add_argument("--port", default="9000", metavar="N")
    given = options.parse_args(arguments)
    file = Path(given.directory)
    if not file.is_file():
        raise Misconfigured(
            file="command line", key="--directory", value=given.directory, example="directory.yaml"
        )
    return _sandbox(file, _port(given.port))


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1024 <= int(text) <= 65533:
        return int(text)
    raise Misconfigured(file="command line", key="--port", value=text, example="9000")


def _sandbox(file: Path, port: int) -> int:
    # A cluster of its own, thrown away at the end: nothing here touches an installation.
    folder = Path(tempfile.mkdtemp(prefix="pencere-sandbox-"))
    installation = Installation(data=folder)
    cluster = Cluster.of(installation)
    try:
        server = cluster.start()
        try:
            make_databases(installation, DATABASES)
            migrate_databases(installation, DATABASES)
            consumer, provider = (installation.database_url(name) for name in DATABASES)
            run_sandbox(SandboxConfig(file, port, consumer, provider))
        finally:
            cluster.stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0
