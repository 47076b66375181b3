"""`pencere gateway why`: what the nodes of this machine kept of a refusal."""

import argparse
import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import psycopg

from pencere.cli.roles.nodes import NODES, Node
from pencere.gateway.directory.model import Agreement
from pencere.kernel.errors import Misconfigured
from pencere.ops.installation import Installation

_EXAMPLE = "pencere gateway why 5f0b2f6e-6f1c-4a0f-9c39-6f2c8a1c1d11"


def add_options(asked: argparse.ArgumentParser) -> None:
    """Add the options of the action."""
    asked.add_argument("detail", help="`detail` of the answer that refused")
    asked.add_argument("--json", action="store_true", help="for machines")


def why(installation: Installation, given: argparse.Namespace) -> int:
    """Ask the running nodes; 1 when none of them knows the number."""
    try:
        detail = UUID(given.detail)
    except ValueError:
        raise Misconfigured(
            file="command line", key="detail", value=given.detail, example=_EXAMPLE
        ) from None
    found = [one for node in NODES for one in _kept(installation, node, detail)]
    if given.json:
        print(json.dumps({"detail": str(detail), "refusals": found}, ensure_ascii=False, indent=1))
    elif not found:
        print("no node knows this number; it is kept for 30 days")
    else:
        print("".join(_lines(one) for one in found), end="")
    return 0 if found else 1


def used_of(installation: Installation, terms: Agreement | None, on: date) -> list[str]:
    """Say how much of an agreement's quota is used, if it has one and the database answers."""
    if terms is None or terms.quota is None:
        return []
    said = []
    for node in NODES:
        try:
            with psycopg.connect(
                installation.database_url(node.database), connect_timeout=3
            ) as connection:
                row = connection.execute(
                    "select used from gateway.quota_use where agreement = %s and first_day = %s",
                    (terms.identifier, terms.quota.first_day(on)),
                ).fetchone()
        except psycopg.Error as problem:
            said.append(f"{node.identifier}: cannot say what was used ({type(problem).__name__})")
            continue
        if row is not None:
            said.append(f"{node.identifier}: {row[0]} of {terms.quota.count} used")
    return said


def _kept(installation: Installation, node: Node, detail: UUID) -> list[Mapping[str, Any]]:
    key = installation.secret(f"operator/{node.role}")
    try:
        answer = httpx.get(
            f"{installation.address(node.role)}/why/{detail}",
            headers={"Pencere-Operator-Key": key, "Accept": "application/json"},
            timeout=10,
        )
    except httpx.HTTPError:
        print(f"{node.identifier} does not answer")
        return []
    if answer.status_code == 404:
        return []
    content = answer.json()
    if answer.status_code != 200:
        print(f"{node.identifier}: {content.get('message', answer.status_code)}")
        return []
    kept: list[Mapping[str, Any]] = content["refusals"]
    return kept


def _lines(one: Mapping[str, Any]) -> str:
    named = ("recorded_at", "consumer", "service", "method", "purpose", "legal_basis", "exchange")
    head = f"{one['node']} ({one['side']}): {one['code']}\n"
    facts = "".join(f"  {name}: {one[name]}\n" for name in named if one[name])
    reasons = one["reasons"] or [one["message"]]
    return head + facts + "".join(f"  - {reason}\n" for reason in reasons)
