"""Who is in the directory, and what a provider offers: PR-META and PR-MREST of X-Road."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pencere.client.request import Answer, Call, call_service
from pencere.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Member:
    """A member, or with `subsystem` one of its systems."""

    identifier: str
    name: str
    subsystem: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its endpoints, `(method, path pattern)`; none: the whole service."""

    identifier: str
    kind: str
    endpoints: tuple[tuple[str, str], ...]


def members() -> Call:
    """Return the question."""
    message = str(uuid.uuid4())
    return Call("GET", "/listClients", {"Accept": "application/json"}, None, message, True)


def read_members(answer: Answer) -> tuple[Member, ...]:
    """Read the answer.

    Raises:
        Invalid: `answer.form`.
    """
    try:
        return tuple(
            Member(_identifier(one["id"]), str(one["name"]), "subsystem_code" in one["id"])
            for one in answer.json()["member"]
        )
    except (KeyError, TypeError) as problem:
        raise Invalid("answer.form", asked="listClients") from problem


def services(provider: str, only_allowed: bool) -> Call:
    """Return the question to a subsystem, `AZ/GOV/bpqmi/population`."""
    code = "allowedMethods" if only_allowed else "listMethods"
    return call_service("GET", f"{provider}/{code}", purpose=None)


def read_services(answer: Answer) -> tuple[Service, ...]:
    """Read the answer.

    Raises:
        Invalid: `answer.form`.
    """
    try:
        return tuple(
            Service(
                _identifier(one),
                str(one["service_type"]),
                tuple((end["method"], end["path"]) for end in one["endpoint_list"]),
            )
            for one in answer.json()["service"]
        )
    except (KeyError, TypeError) as problem:
        raise Invalid("answer.form", asked="listMethods") from problem


def open_api(service: str) -> Call:
    """Return the question for the description of a service."""
    provider, _, code = service.rpartition("/")
    path = f"?serviceCode={quote(code, safe='')}"
    return call_service("GET", f"{provider}/getOpenAPI", path, purpose=None)


_PARTS = ("xroad_instance", "member_class", "member_code", "subsystem_code", "service_code")


def _identifier(value: Mapping[str, Any]) -> str:
    return "/".join(quote(str(value[part]), safe="") for part in _PARTS if part in value)
