"""The OpenAPI 3.1 description of every register, made from the definitions."""

from collections.abc import Iterable

from pencere.registers.definition import Definition
from pencere.registers.masks import shape
from pencere.registers.openapi_merging import merging_paths

Json = dict[str, object]

_EXCHANGE_HEADERS: tuple[tuple[str, str, bool], ...] = (
    ("X-Road-Client", "The system that asks, instance/class/member/subsystem.", True),
    ("X-Road-Id", "The id of the exchange.", True),
    ("X-Road-UserId", "Who acts.", False),
    ("Pencere-Purpose", "Why: a code of the agreement. It decides which fields are shown.", True),
    ("Pencere-Legal-Basis", "The legal act.", True),
    ("Pencere-Case", "The number of the application.", False),
    ("Pencere-Person", "Whom the data is about; needed when the register is about persons.", False),
)


def describe(definitions: Iterable[Definition]) -> Json:
    """Return the whole document."""
    paths: Json = {}
    schemas: Json = {"Error": _ERROR}
    for definition in sorted(definitions, key=lambda each: each.code):
        # What is written is clear; who only reads is told nothing of what a mask hides.
        if definition.writers:
            schemas[_name(definition)] = dict(definition.schema)
        paths |= _paths(definition)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Registers",
            "version": "1",
            "description": "Reached through the gateway's node only.",
        },
        "security": [{"node": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"node": {"type": "http", "scheme": "bearer"}},
            "parameters": {
                name: _header(name, about, required=required)
                for name, about, required in _EXCHANGE_HEADERS
            },
        },
    }


def describe_one(definition: Definition) -> Json:
    """Return the document of one register, its paths behind the register's own address."""
    document = describe([definition])
    base, paths = f"/v1/{definition.code}", document["paths"]
    assert isinstance(paths, dict)  # noqa: S101  # made above
    return document | {
        "info": {"title": definition.names.en, "version": "1"},
        "servers": [{"url": base}],
        "paths": {path.removeprefix(base): calls for path, calls in paths.items()},
    }


_ERROR: Json = {
    "type": "object",
    "required": ["type", "message", "detail"],
    "properties": {
        "type": {"type": "string", "description": "A code, such as version.stale."},
        "message": {"type": "string"},
        "detail": {"type": "object"},
    },
}
_DAY: Json = {"type": "string", "format": "date"}
_REASON: Json = {"type": "string", "minLength": 1, "maxLength": 1000}
_IF_MATCH = "The version that was read, in quotation marks."
_IDEMPOTENCY = "1 to 200 visible characters; a repeated key gives the first answer."


def _paths(definition: Definition) -> Json:
    base = f"/v1/{definition.code}"
    record = _record(definition)
    data: Json = {"$ref": f"#/components/schemas/{_name(definition)}"}
    stated = _object({"valid_from": _DAY, "reason": _REASON, "data": data}, 3)
    replaced = _object({"op": {"enum": ["amend", "correct"]}, "reason": _REASON, "data": data}, 3)
    replaced["properties"] |= {"valid_from": _DAY, "valid_to": _DAY}  # type: ignore[operator]
    annulled = _object({"reason": _REASON, "valid_from": _DAY}, 1)
    operation: Json = {"type": "object", "required": ["op", "reason"]}
    operations = {"type": "array", "minItems": 1, "maxItems": 20, "items": operation}
    many = _object({"records": {"type": "array", "items": record}}, 1)
    match = [_header("If-Match", _IF_MATCH, required=True), _id()]
    once = [_header("Idempotency-Key", _IDEMPOTENCY, required=True)]
    maybe_once = [_header("Idempotency-Key", _IDEMPOTENCY, required=False)]
    at = [_in_query("valid_at", "date"), _in_query("known_at", "date-time")]
    at.append({"name": "schema", "in": "query", "required": False, "schema": _VERSION})
    title = definition.names.en
    paths: Json = {
        f"{base}/query": {"post": _call(f"{title}: find", [], _question(definition), many)},
        f"{base}/records/{{id}}": {
            "get": _call(f"{title}: read", [_id(), *at], None, record),
        },
        f"{base}/records/{{id}}/versions": {
            "get": _call(f"{title}: all versions", [_id()], None, _versions(record)),
        },
    }
    if not definition.writers:
        return paths
    read = paths[f"{base}/records/{{id}}"]
    assert isinstance(read, dict)  # noqa: S101  # made above
    read["put"] = _call(f"{title}: amend or correct", [*match, *maybe_once], replaced, record)
    paths |= {
        f"{base}/records": {
            "post": _call(f"{title}: create", maybe_once, stated, record, status="201")
        },
        f"{base}/records/{{id}}/annul": {
            "post": _call(f"{title}: annul", [*match, *maybe_once], annulled, record)
        },
        f"{base}/transactions": {
            "post": _call(
                f"{title}: several changes or none",
                once,
                _object({"operations": operations}, 1),
                many,
            )
        },
    }
    if definition.merging:
        paths |= merging_paths(base, title, _call)
    if definition.numbering:
        given = _object({"number": {"type": "string"}}, 1)
        paths[f"{base}/numbers"] = {
            "post": _call(f"{title}: next number", once, None, given, status="201")
        }
    return paths


# Of the definition in whose form the answer is to be.
_VERSION: Json = {"type": "integer", "minimum": 1}


def _question(definition: Definition) -> Json:
    keys: Json = {}
    for key in definition.keys.values():
        parts: Json = {field: {"type": "string"} for field in key.fields}
        single = len(key.fields) == 1
        keys[key.name] = {"type": "string"} if single else _object(parts, len(parts))
    by: Json = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": keys}
    question = _object({"by": by}, 1)
    question["properties"] |= {  # type: ignore[operator]
        "valid_at": _DAY,
        "known_at": {"type": "string", "format": "date-time"},
        "state": {"enum": ["valid", "any"], "default": "valid"},
        "schema": _VERSION,
    }
    return question


def _record(definition: Definition) -> Json:
    fields = definition.schema["properties"]
    assert isinstance(fields, dict)  # noqa: S101  # lint has seen the schema
    disclosure = {purpose: list(shown) for purpose, shown in definition.disclosure.items()}
    data: Json = {"type": "object", "properties": fields}
    if definition.masks:
        shapes = [_shown(definition, fields, purpose) for purpose in sorted(disclosure)]
        data = {"type": "object", "anyOf": shapes}
    data["x-disclosure"] = disclosure
    properties: Json = {
        "id": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "state": {"enum": ["valid", "annulled"]},
        "valid_from": _DAY,
        "data": data,
    }
    needed = len(properties)
    properties["merged_into"] = {"type": "string"}
    properties["merged_from"] = {"type": "array", "items": {"type": "string"}}
    return _object(properties, needed)


def _versions(record: Json) -> Json:
    properties = record["properties"]
    assert isinstance(properties, dict)  # noqa: S101  # made above
    text: Json = {"type": ["string", "null"]}
    version = _object({
        "version": properties["version"],
        "op": {"type": "string"},
        "state": properties["state"],
        "valid_from": _DAY,
        "valid_to": {"type": ["string", "null"], "format": "date"},
        "recorded_at": {"type": "string", "format": "date-time"},
        "reason": text,
        "actor": text,
        "case": text,
        "data": properties["data"],
    }, 10)  # fmt: skip
    return _object({"versions": {"type": "array", "items": version}}, 1)


def _shown(definition: Definition, fields: Json, purpose: str) -> Json:
    """Return what one purpose sees: its fields, those with a mask in the mask's shape."""
    masks = definition.masks.get(purpose, {})
    properties: Json = {}
    for field in definition.disclosure[purpose]:
        rule = fields[field]
        assert isinstance(rule, dict)  # noqa: S101  # lint has seen the schema
        properties[field] = rule
        if field in masks:
            properties[field] = {"x-names": rule["x-names"], **shape(masks[field])}
    return {"title": purpose, "type": "object", "properties": properties}


def _call(
    summary: str, parameters: list[Json], body: Json | None, answer: Json, *, status: str = "200"
) -> Json:
    headers = [{"$ref": f"#/components/parameters/{name}"} for name, _, _ in _EXCHANGE_HEADERS]
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    call: Json = {
        "summary": summary,
        "parameters": [*headers, *parameters],
        "responses": {
            status: {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            "default": {"description": "Not done, and why.", "content": error},
        },
    }
    if body is not None:
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return call


def _object(properties: Json, required: int) -> Json:
    return {
        "type": "object",
        "required": list(properties)[:required],
        "properties": properties,
        "additionalProperties": False,
    }


def _header(name: str, about: str, *, required: bool) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": about,
        "schema": {"type": "string", "maxLength": 200},
    }


def _in_query(name: str, form: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string", "format": form}}


def _id() -> Json:
    schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    return {"name": "id", "in": "path", "required": True, "schema": schema}


def _name(definition: Definition) -> str:
    return definition.code.replace("/", ".")
