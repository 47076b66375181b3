"""`pencere ca eab`, `bindings`, `end-binding`: which systems may ask for certificates."""

import argparse
import json

import psycopg

from pencere.cli.boot.trust import organization_of
from pencere.cli.roles.machines import binding_keys, machine_config
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.ops.installation import Installation
from pencere.trust.acme import bindings
from pencere.trust.acme.jose import encode

ACTIONS = (
    ("eab", "let a system of a body ask for certificates by ACME or EST"),
    ("bindings", "list the systems that may"),
    ("end-binding", "let a system ask no more"),
)


def add_options(actions: dict[str, argparse.ArgumentParser]) -> None:
    """Add the options of these actions."""
    eab = actions["eab"]
    eab.add_argument("--body", required=True, metavar="ID", help="body of bodies.yaml")
    eab.add_argument("--system", required=True, metavar="NAME", help="as the state register has it")
    eab.add_argument(
        *("--identifier", "-i"),
        action="append",
        required=True,
        metavar="NAME",
        help="DNS name, .domain, IP address or network that it may be certified for; repeat",
    )
    eab.add_argument("--profile", action="append", choices=bindings.PROFILES)
    eab.add_argument("--json", action="store_true", help="for machines")
    actions["bindings"].add_argument("--json", action="store_true", help="for machines")
    actions["end-binding"].add_argument("id", help="from `pencere ca bindings`")


def eab(installation: Installation, given: argparse.Namespace) -> None:
    """Make a binding and print what its administrator needs."""
    body = Country.load("az").body(given.body)
    with psycopg.connect(installation.database_url("trust")) as connection:
        made = bindings.create(
            connection,
            body=body.id,
            organization=organization_of(body),
            system=given.system,
            permitted=given.identifier,
            profiles=given.profile or ["tls-service"],
            at=SystemClock().now(),
        )
    key = encode(binding_keys(installation).of(made.id))
    server = f"{machine_config(installation).base_url}/acme/directory"
    if given.json:
        print(json.dumps({"kid": made.id, "hmac_key": key, "server": server}, indent=1))
        return
    print(f"--server {server}\n--eab-kid {made.id}\n--eab-hmac-key {key}")


def show(installation: Installation, given: argparse.Namespace) -> None:
    """List the bindings."""
    with psycopg.connect(installation.database_url("trust")) as connection:
        found = bindings.all_of(connection)
    now = SystemClock().now()
    rows = [
        {
            "kid": one.id,
            "body": one.body,
            "system": one.system,
            "identifiers": one.identifiers,
            "profiles": one.profiles,
            "in_force": one.is_in_force(now),
        }
        for one in found
    ]
    if given.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for one in found:
        state = "" if one.is_in_force(now) else "ended"
        print(f"{one.id:<18}{one.body:<14}{one.system:<20}{' '.join(one.identifiers)} {state}")
    print(f"{len(found)} bindings")


def end(installation: Installation, given: argparse.Namespace) -> None:
    """End one."""
    with psycopg.connect(installation.database_url("trust")) as connection:
        bindings.end(connection, given.id, at=SystemClock().now())
    print(f"ended {given.id}")
