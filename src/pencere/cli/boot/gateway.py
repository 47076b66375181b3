"""What each gateway node is told of its own side: keys of its clients, addresses of its services.

Nobody else's business, so not in the directory: `data/run/<role>.json`.
"""

from pencere.cli.roles.nodes import NODES, Node
from pencere.countries.country import Country
from pencere.gateway.node_file import write_node_file
from pencere.ops.installation import Installation
from pencere.registers.lint import load_registers
from pencere.web.stateregister.domain.exchange_data import read_exchange

PORTAL = "AZ/GOV/idda/portal"
TIMEOUT_S = 10
CONSUMERS = ("dma/employment", "mia/inquiry")


def served(country: Country) -> dict[str, list[str]]:
    """Return the subsystems that each node (by role) serves: the portal's own, and all others."""
    data = read_exchange(country)
    systems = {f"{data.instance}/{data.member_class}/{system}" for system in data.systems}
    return {"gateway-portal": [PORTAL], "gateway-agencies": sorted(systems - {PORTAL})}


def write_node_files(installation: Installation, country: Country) -> None:
    """Write both files anew: addresses change with the base port."""
    registers = {
        f"AZ/GOV/{register.owner}/{register.code.partition('/')[0]}"
        for register in load_registers(country).values()
    }
    for node in NODES:
        write_node_file(
            installation.run / f"{node.role}.json",
            clients=_clients(installation, node, _publishers(country)),
            services={
                subsystem: {
                    "url": f"{installation.address('registers')}/v1/{subsystem.rpartition('/')[2]}",
                    "bearer": installation.secret("registers"),
                    "timeout_s": TIMEOUT_S,
                }
                for subsystem in sorted(registers)
            }
            if node.role != "gateway-portal"
            else {},
            operators={"register": installation.secret(f"operator/{node.role}")},
        )


def _publishers(country: Country) -> tuple[str, ...]:
    """Return the systems whose registers publish events."""
    found = {
        f"{one.owner}/{one.code.partition('/')[0]}"
        for one in load_registers(country).values()
        if one.events
    }
    return tuple(sorted(found))


def _clients(installation: Installation, node: Node, publishers: tuple[str, ...]) -> dict[str, str]:
    if node.role == "gateway-portal":
        return {PORTAL: installation.secret("client/portal")}
    # Systems of the demonstration that ask and are not asked, and registers that publish.
    return {
        f"AZ/GOV/{system}": installation.secret(f"client/{system.replace('/', '-')}")
        for system in (*CONSUMERS, *publishers)
    }
