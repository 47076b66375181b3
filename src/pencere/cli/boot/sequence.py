"""The steps in their order."""

from pencere.cli.boot import cards, gateway, machines, phones, registers, sima, trust, web
from pencere.cli.progress import Progress, step
from pencere.cli.roles.ledger import LEDGERS, ledger_signer
from pencere.countries.country import Country
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation


def boot(installation: Installation, progress: Progress, *, people: int) -> None:
    """Bring the installation to where its roles can start."""
    country = Country.load("az")
    with step(progress, "Databases") as outcome:
        make_databases(installation)
        applied = migrate_databases(installation)
        outcome.append(f"{len(applied)} migrations applied" if applied else "up to date")
    with step(progress, "Tables of the portal and the office") as outcome:
        applied = web.migrate()
        outcome.append(f"{len(applied)} migrations applied" if applied else "up to date")
    with step(progress, "Certification centre") as outcome:
        centre = trust.found(installation)
        nodes = trust.certify_nodes(installation, centre, country)
        bodies = trust.issue_seals(installation, centre, country)
        machines.certify_listener(installation, centre)
        trust.register_relying_parties(installation)
        trust.name_officers(installation, country)
        for role in LEDGERS:
            ledger_signer(installation, role)
        gateway.write_node_files(installation, country)
        outcome.append(f"{len(nodes)} nodes, seals of {len(bodies)} bodies")
    with step(progress, "Registers with the invented population") as outcome:
        records = registers.load(installation, country, progress, people=people)
        outcome.append("there already" if records is None else f"{records} records")
    with step(progress, "Phones of the demo persons") as outcome:
        count = phones.hand_out(installation, centre, country, progress)
        outcome.append(f"{count} phones with certificates")
    with step(progress, "SİMA and cards of the demo persons") as outcome:
        sima.hand_out(installation, centre, country, progress)
        count = cards.hand_out(installation, centre, country, progress)
        outcome.append(f"{count} persons have both")
    with step(progress, "State register and directory") as outcome:
        web.prepare(installation)
        newer = web.newer_data()
        outcome.append(f"version {web.publish_directory(installation, nodes)}")
        if newer:
            outcome.append(f"{len(newer)} differences from the country's files")
    for line in newer:
        progress.say(f"  {line}")
