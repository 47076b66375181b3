"""The directory file of a sandbox, read: members, services, rights, and where the services are.

docs/how-to/connect-a-system.md shows one. Statuses are X-Road's exact ones unless the file says
otherwise, since that is what clients written for X-Road expect.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from pencere.gateway.directory.builtin import RULES
from pencere.gateway.directory.model import FORMAT
from pencere.gateway.directory.rights import ANYBODY
from pencere.gateway.node_file import NodeFile, make_upstream
from pencere.gateway.wire.faults import FaultStyle
from pencere.gateway.wire.identifiers import canonical, encode_part
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Misconfigured

_LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class Plan:
    """A directory file, read: what each node serves and where its services are."""

    document: Mapping[str, Any]
    instance: str
    consumer: str
    provider: str
    consumer_serves: tuple[str, ...]
    provider_serves: tuple[str, ...]
    style: FaultStyle


def read_plan(path: Path) -> Plan:
    """Read a directory file, JSON or YAML.

    Raises:
        Misconfigured: the key that is missing or wrong, and a valid example.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise Misconfigured(
            file=path, key="(file)", value=str(problem)[:200], example="a JSON or YAML object"
        ) from problem
    document = _plain(document)
    _check(document, path)
    instance = document["instance"]
    try:
        every = [identifier for identifier, _ in _subsystems(document)]
        providers = {canonical(one["id"]).rpartition("/")[0] for one in document["services"]}
        consumer, provider = _node_names(document, instance, providers)
    except ValueError as problem:
        raise Misconfigured(
            file=path,
            key="services.id, security_servers.id",
            value=str(problem),
            example="AZ/GOV/10001/portal/echo",
        ) from problem
    unknown = providers - set(every)
    if unknown:
        raise Misconfigured(
            file=path,
            key="services.id",
            value=sorted(unknown)[0],
            example=(every or ["AZ/GOV/10001/portal"])[0] + "/service",
        )
    return Plan(
        document=document,
        instance=instance,
        consumer=consumer,
        provider=provider,
        consumer_serves=tuple(one for one in every if one not in providers),
        provider_serves=tuple(one for one in every if one in providers),
        style=FaultStyle(
            classic_codes=document.get("fault_codes", "snake") == "classic",
            xroad_statuses=document.get("statuses", "xroad") == "xroad",
        ),
    )


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of the file."""
    text = resources.files(__package__).joinpath("sandbox.schema.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _check(document: Any, path: Path) -> None:
    """Refuse a file that does not fit its schema, at the place that is wrong."""
    wrong = best_match(Draft202012Validator(schema()).iter_errors(document))
    if wrong is None:
        return
    place, value, about = list(wrong.absolute_path), wrong.instance, wrong.schema
    if wrong.validator == "required":
        name = next(one for one in wrong.validator_value if one not in wrong.instance)
        place, value = [*place, name], None
        about = wrong.schema.get("properties", {}).get(name, {})
    examples = about.get("examples") or about.get("enum") or ()
    if "$ref" in about:
        examples = schema()["$defs"][about["$ref"].rpartition("/")[2]]["examples"]
    raise Misconfigured(
        file=path,
        key=".".join(map(str, place)) or "(file)",
        value=value if isinstance(value, str | int | float | None) else str(value)[:200],
        example=examples[0] if examples else f"of type {about.get('type', 'object')}",
    )


def _plain(document: Any) -> Any:
    """Return what YAML read as JSON has it: dates as text, keys as text."""
    return json.loads(json.dumps(document, default=str))


def payload_of(
    plan: Plan, nodes: Sequence[Mapping[str, Any]], clock: Clock, *, version: int = 1
) -> dict[str, Any]:
    """Return the payload of the directory that the file describes."""
    document, now = plan.document, clock.now()
    return {
        "format": FORMAT,
        "instance": plan.instance,
        "version": version,
        "issued_at": now.isoformat(),
        "expires_at": (now + _LIFETIME).isoformat(),
        "members": [
            {
                "id": f"{plan.instance}/{member['class']}/{member['code']}",
                "name": _name(member["name"]),
                "subsystems": [{"code": code} for code in member.get("subsystems", ())],
            }
            for member in document["members"]
        ],
        "nodes": list(nodes),
        "services": [
            {
                "id": service["id"],
                "type": service.get("type", "REST"),
                "endpoints": service.get("endpoints", []),
                "demands": service.get("demands", []),
                "disabled": service.get("disabled_notice"),
                "timeout_s": service.get("timeout_s", 30),
                "consent": service.get("consent"),
                # Where nothing is said, at the address itself, as X-Road's own tests have it.
                "description": service.get("description", "/"),
            }
            for service in document["services"]
        ],
        "agreements": list(_agreements(document)),
    }


def node_file_of(plan: Plan, path: Path) -> NodeFile:
    """Return the addresses of the services; clients of a sandbox need no key."""
    services = {}
    for service in plan.document["services"]:
        try:
            services[canonical(service["id"])] = make_upstream(
                service["url"], bearer=service.get("bearer"), timeout_s=service.get("timeout_s")
            )
        except (KeyError, ValueError) as problem:
            raise Misconfigured(
                file=path,
                key=f"services.{service['id']}.url",
                value=service.get("url"),
                example="http://127.0.0.1:9000",
            ) from problem
    return NodeFile(clients={}, services=services, is_open=True)


def _subsystems(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "/".join(
                encode_part(str(part))
                for part in (document["instance"], member["class"], member["code"], code)
            ),
            code,
        )
        for member in document["members"]
        for code in member.get("subsystems", ())
    ]


def _node_names(document: Mapping[str, Any], instance: str, providers: set[str]) -> tuple[str, str]:
    consumer, provider = f"{instance}/GOV/sandbox/consumer", f"{instance}/GOV/sandbox/provider"
    for server in document.get("security_servers", ()):
        if providers & {canonical(one) for one in server["serves"]}:
            provider = canonical(server["id"])
        else:
            consumer = canonical(server["id"])
    return consumer, provider


def _agreements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for number, rule in enumerate(document["acl"], 1):
        wanted = rule["service"]
        wanted = {wanted} if isinstance(wanted, str) else set(wanted)
        refused = set(rule.get("except", ()))
        # What the node itself answers is named whole: AZ/GOV/10002/pop/findUsage.
        built_in = sorted(one for one in wanted if one.count("/") == 4 and _code(one) in RULES)
        for service in [*(one["id"] for one in document["services"]), *built_in]:
            code = _code(service)
            if code in refused or not ({"*", code, service} & wanted):
                continue
            found.append(
                {
                    "id": f"acl-{number}-{encode_part(code)}",
                    "consumer": rule["subject"],
                    "service": service,
                    "endpoints": [rule["endpoint"]],
                    "purposes": rule.get("purposes", []),
                    "legal_bases": rule.get("legal_bases", []),
                    "demands": rule.get("demands", []),
                    "represents": rule.get("represents", [ANYBODY]),
                    "from": rule.get("from"),
                    "until": rule.get("until"),
                    **{key: rule[key] for key in _TERMS if key in rule},
                }
            )
    return found


def _code(service: str) -> str:
    return service.rpartition("/")[2]


_TERMS = ("rate", "quota", "fields", "consent", "suppress")


def _name(name: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"az": name} if isinstance(name, str) else name
