"""The web's own tables, by Django's migrations, as the owner of the database."""

import os
from collections.abc import Sequence

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from pencere.cli.boot.gateway import served
from pencere.cli.boot.trust import NodeCertificate
from pencere.cli.roles.certification import keystore_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.ops.installation import Installation
from pencere.web.classifiers.interfaces import load_country as load_classifiers
from pencere.web.stateregister.interfaces import newer_data_lines, publish


def set_up() -> None:
    """Load Django with the settings of the owner; may be repeated."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "pencere.web.settings.owner"
    if not apps.ready:
        django.setup(set_prefix=False)


def migrate() -> list[str]:
    """Apply what is missing and return it; two at once take turns by a lock in the database."""
    set_up()
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('pencere.web migrate'))")
    try:
        waiting = _waiting()
        if waiting:
            call_command("migrate", verbosity=0, interactive=False)
        return waiting
    finally:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(hashtext('pencere.web migrate'))")


def pending_migrations() -> list[str]:
    """Return the migrations that the database does not have."""
    set_up()
    return _waiting()


def prepare(installation: Installation) -> None:
    """Register the office with the OpenID provider; give the demo officers their offices."""
    set_up()
    # Models can be imported only when Django is set up.
    from pencere.web.identity.provider.clients import register_office  # noqa: PLC0415
    from pencere.web.people.domain.officers import appoint_demo  # noqa: PLC0415

    register_office(installation)
    appoint_demo("az", at=SystemClock().now())


def publish_directory(installation: Installation, nodes: Sequence[NodeCertificate]) -> int:
    """Load the state register and write the signed directory; return its version."""
    set_up()
    country = Country.load("az")
    subsystems = served(country)
    load_classifiers(clock=SystemClock())
    return publish(
        nodes=[
            {
                "id": each.node.identifier,
                "address": f"127.0.0.1:{installation.port(f'{each.node.role}-link')}",
                "serves": subsystems[each.node.role],
                "certificates": [each.certificate],
            }
            for each in nodes
        ],
        signer=keystore_of(installation).signer("directory"),
        file=installation.run / "directory.jws",
        clock=SystemClock(),
    )


def newer_data() -> list[str]:
    """Return what the country's files say otherwise than the register; none before founding."""
    set_up()
    return newer_data_lines()


def _waiting() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
