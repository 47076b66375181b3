"""The OpenAPI description of merging and of pairs that look alike."""

from typing import Protocol

Json = dict[str, object]


class Call(Protocol):
    """Describes one call: summary, parameters, body, answer, status."""

    def __call__(  # noqa: D102
        self, summary: str, parameters: list[Json], body: Json | None, answer: Json,
        *, status: str = "200",
    ) -> Json: ...  # fmt: skip


_ID: Json = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_REASON: Json = {"type": "string", "minLength": 1, "maxLength": 1000}
_NUMBER: Json = {"name": "number", "in": "path", "required": True, "schema": _ID}


def merging_paths(base: str, title: str, call: Call) -> Json:
    """Return the paths of a register whose definition allows merging."""
    seen = _object({"id": _ID, "version": {"type": "integer", "minimum": 1}})
    stated = _object({"absorbed": seen, "survivor": seen, "reason": _REASON})
    reasoned = _object({"reason": _REASON})
    act = _object({
        "merge": _ID,
        "undoes": {"type": ["string", "null"]},
        "absorbed": seen,
        "survivor": seen,
        "reason": _REASON,
        "state": {"enum": ["proposed", "done", "refused"]},
    })  # fmt: skip
    pair = {"type": "array", "minItems": 2, "maxItems": 2, "items": _ID}
    candidate = _object({
        "records": pair,
        "likeness": {"type": "integer", "minimum": 0, "maximum": 1000},
        "grade": {"enum": ["same", "look"]},
        "outcome": {"enum": ["same", None]},
    })  # fmt: skip
    judged = _object(
        {"records": pair, "outcome": {"enum": ["same", "not-same"]}, "reason": _REASON}
    )
    told = call(f"{title}: say of a pair whether it is one", [], judged, {}, status="204")
    responses = told["responses"]
    assert isinstance(responses, dict)  # noqa: S101  # as `call` makes it
    responses["204"] = {"description": "Kept."}
    paths: Json = {
        f"{base}/candidates": {
            "get": call(f"{title}: pairs that look alike", [], None,
                        _object({"candidates": {"type": "array", "items": candidate}})),
            "post": told,
        },
        f"{base}/merges": {
            "get": call(f"{title}: merges to decide", [], None,
                        _object({"merges": {"type": "array", "items": act}})),
            "post": call(f"{title}: propose that two records are one", [], stated, act,
                         status="201"),
        },
    }  # fmt: skip
    for verb, summary, status in (
        ("confirm", "merge what another proposed", "200"),
        ("refuse", "refuse or withdraw a proposal", "200"),
        ("undo", "propose that a merge is undone", "201"),
    ):
        described = call(f"{title}: {summary}", [_NUMBER], reasoned, act, status=status)
        paths[f"{base}/merges/{{number}}/{verb}"] = {"post": described}
    return paths


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }
