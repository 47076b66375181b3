"""The roles: how each process is composed from its plane and the installation.

A module here has `serve(installation)`, which runs until it is told to stop. Those behind Granian
also have `create()`, the factory that its worker calls.
"""

from collections.abc import Mapping, Sequence

# In the order of their start; behind each, the roles that must be healthy before.
ORDER: Mapping[str, Sequence[str]] = {
    "trust": (),
    "registers": (),
    "phones": ("trust",),
    "sima": (),
    "bank": (),
    "post": (),
    "gateway-agencies": ("trust", "registers"),
    "gateway-portal": ("trust",),
    "portal": (),
    "office": (),
    "worker": ("trust",),
}

WITHOUT_HTTP = frozenset({"worker"})


def module_of(role: str) -> str:
    """Return the module that runs `role`; both gateway nodes are run by one."""
    name = "gateway" if role.startswith("gateway-") else role
    return f"pencere.cli.roles.{name}"
