"""What each gateway node is told of its own side: keys of its clients, addresses of its services.

Nobody else's business, so not in the directory: `data/run/<role>.json`.
"""

from pencere.cli.roles.nodes import NODES, Node
from pencere.countries.country import Country
from pencere.gateway.node_file import write_node_file
from pencere.ops.installation import Installation
from pencere.registers.lint import load_registers
from pencere.web.stateregister.domain.exchange_data import SUBSCRIPTION, read_exchange

PORTAL = "AZ/GOV/idda/portal"
TIMEOUT_S = 10
# The node's own name, when it asks whether a person consented; nobody signs in under it.
NODE = "azintelecom/gateway"


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
            clients=_clients(installation, node, _speaking(country)),
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


def _speaking(country: Country) -> list[str]:
    """Return the systems that ask, publish events, or fetch those they are subscribed to."""
    agreements = read_exchange(country).agreements
    asking = {one.consumer for one in agreements}
    told = {one.provider for one in agreements if one.service_code == SUBSCRIPTION}
    publishing = {
        f"{one.owner}/{one.code.partition('/')[0]}"
        for one in load_registers(country).values()
        if one.events
    }
    return sorted((asking | told | publishing) - {NODE})


def _clients(installation: Installation, node: Node, speaking: list[str]) -> dict[str, str]:
    if node.role == "gateway-portal":
        return {PORTAL: installation.secret("client/portal")}
    return {
        f"AZ/GOV/{system}": installation.secret(f"client/{system.replace('/', '-')}")
        for system in speaking
        if f"AZ/GOV/{system}" != PORTAL
    }
