"""`getOpenAPI`: the description of a service, fetched from the service itself when asked for.

As released X-Road does it: what comes back is the document with its content type, where the
address of each server is reduced to its path, since nobody but the node can reach it. A
templated address is left as it is.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from pencere.gateway.exchange.call import Call, Done
from pencere.gateway.exchange.upstreams import fault_of
from pencere.gateway.http.outcomes import Failure, Reply
from pencere.gateway.wire.faults import Fault, Kind, server_fault

_LARGEST = 2 * 1024 * 1024
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ACCEPT = [(b"accept", b"application/json, application/yaml, application/x-yaml, */*;q=0.1")]


def get_openapi(call: Call, done: Done) -> None:
    """Fetch and answer; raises the fault that stops it before anything is asked."""
    code = _asked_for(call.target.query)
    service = call.directory.services.get(f"{call.target.provider}/{code}") or next(
        (one for one in call.directory.services_of(call.target.provider) if one.code == code), None
    )
    if service is None:
        raise _problem("Service not found at this provider")
    if service.kind != "OPENAPI":
        raise _problem(f"Invalid service type: {service.kind}; only OPENAPI is described so")
    upstream = call.core.node_file.current.upstream(service)
    if upstream is None or not service.description:
        raise _problem(f"Service {service.identifier} has no description at its node")
    is_json = urlsplit(service.description).path.endswith(".json")

    def on_reply(reply: Reply | Failure) -> None:
        if isinstance(reply, Failure):
            done(fault_of(reply, service.identifier))
            return
        try:
            done(_answer(reply, is_json=is_json))
        except Fault as fault:
            done(fault)

    call.core.upstreams.send(
        upstream,
        call.target._replace(path=service.description, query=""),
        ("GET", _ACCEPT, b""),
        timeout_s=upstream.timeout_s or service.timeout_s,
        done=on_reply,
    )


def _asked_for(query: str) -> str:
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    code = next((value for name, value in reversed(pairs) if name.lower() == "servicecode"), "")
    if not code:
        raise server_fault(
            Kind.INVALID_REQUEST, "Missing serviceCode. Example: getOpenAPI?serviceCode=person"
        )
    return code


def _answer(reply: Reply, *, is_json: bool) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if reply.status != 200:
        raise _problem(f"The description could not be read: its address answers {reply.status}")
    if len(reply.body) > _LARGEST:
        raise _problem(f"The description is larger than {_LARGEST} bytes")
    kinds = [value for name, value in reply.headers if name.lower() == b"content-type"]
    kind = kinds[0] if kinds else b"text/plain"
    if b"json" in kind.lower():
        is_json = True
    elif b"yaml" in kind.lower():
        is_json = False
    try:
        text = bytes(reply.body).decode("utf-8")
        body = _json_without_hosts(text) if is_json else _yaml_without_hosts(text)
    except (ValueError, RecursionError, yaml.YAMLError) as problem:
        raise _problem("The description is no OpenAPI document of version 3") from problem
    return 200, [(b"content-type", kind)], body.encode("utf-8")


def _json_without_hosts(text: str) -> str:
    document = json.loads(text)
    if not isinstance(document, dict) or not str(document.get("openapi", "3.")).startswith("3."):
        raise ValueError("not OpenAPI 3")
    servers = document.get("servers")
    for server in servers if isinstance(servers, list) else ():
        if isinstance(server, dict) and isinstance(server.get("url"), str):
            server["url"] = path_of(server["url"])
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _yaml_without_hosts(text: str) -> str:
    """Replace nothing but the addresses: comments, anchors and order stay."""
    document = yaml.compose(text, Loader=_LOADER)
    if not isinstance(document, yaml.MappingNode):
        raise ValueError("not an object")  # noqa: TRY004
    entries = _entries(document)
    version = entries.get("openapi")
    if version is not None and not str(version.value).startswith("3."):
        raise ValueError("not OpenAPI 3")
    servers = entries.get("servers")
    spots: dict[int, tuple[int, str]] = {}
    for server in servers.value if isinstance(servers, yaml.SequenceNode) else ():
        if not isinstance(server, yaml.MappingNode):
            continue
        address = _entries(server).get("url")
        if isinstance(address, yaml.ScalarNode):
            spots[address.start_mark.index] = (address.end_mark.index, path_of(address.value))
    for start in sorted(spots, reverse=True):
        end, path = spots[start]
        text = text[:start] + json.dumps(path, ensure_ascii=False) + text[end:]
    return text


def _entries(node: yaml.MappingNode) -> Mapping[str, Any]:
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def path_of(url: str) -> str:
    """Return the path of a server's address; one with variables is left as it is."""
    return url if "{" in url and "}" in url else urlsplit(url).path


def _problem(message: str) -> Fault:
    return server_fault(Kind.INTERNAL_ERROR, message)
