"""`pencere serve ROLE`: one role in the foreground, as the supervisor or systemd runs it."""

import importlib
import os
from collections.abc import Sequence

from pencere.cli.options import installation_of, parser
from pencere.cli.roles import ORDER, joined, module_of


def run(arguments: Sequence[str]) -> int:
    """Run the role until SIGTERM or SIGINT."""
    options = parser("serve", "Run one role in the foreground.")
    roles = [*ORDER, joined.ROLE]
    options.add_argument("role", choices=roles, metavar="ROLE", help=", ".join(roles))
    given = options.parse_args(arguments)
    installation = installation_of(given)
    os.environ.update(installation.environment())
    role: str = given.role
    if role == joined.ROLE:
        joined.serve(installation)
        return 0
    module = importlib.import_module(module_of(role))
    if role.startswith("gateway-"):
        module.serve(installation, role)
    else:
        module.serve(installation)
    return 0
