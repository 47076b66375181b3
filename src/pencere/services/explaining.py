"""What a condition was laid against when it decided without a person.

Kept with the decision, so that the explanation given years later is what was true then, not what
a register says now.
"""

from collections.abc import Iterable, Mapping

from pencere.services import forms
from pencere.services.expressions import paths
from pencere.services.model.casework import Check
from pencere.services.model.definition import Definition


def grounds_of(
    definition: Definition, check: Check, context: Mapping[str, object]
) -> Mapping[str, object]:
    """Return what a condition reads, as JSON; empty for a check that is none.

    `facts`: by id the register and the records it gave, each with id, version, the day it holds
    from and the fields that were read; no record: the register knew none. `answers`: as a draft
    stores them. `today`: the day, where the condition asks for it.
    """
    if check.that is None:
        return {}
    fields: dict[str, list[str]] = {}
    answers: dict[str, object] = {}
    found: dict[str, object] = {}
    for root, *rest in paths(check.that.source):
        if root == "facts" and rest:
            fields.setdefault(rest[0], []).extend(rest[1:2])
        elif root == "answers" and rest:
            answers |= _member(context, "answers", rest[0])
        elif root == "today":
            found["today"] = context["today"]
    found["facts"] = {
        fact.id: {
            "register": fact.register,
            "records": _records(_member(context, "facts", fact.id), fields[fact.id]),
        }
        for fact in definition.facts
        if fact.id in fields
    }
    return {**found, "answers": forms.to_stored(answers)}


def _member(context: Mapping[str, object], root: str, name: str) -> dict[str, object]:
    known = context.get(root)
    return {name: known[name]} if isinstance(known, Mapping) and name in known else {}


def _records(fact: Mapping[str, object], fields: Iterable[str]) -> list[dict[str, object]]:
    values: list[object] = []
    for value in fact.values():
        values += value if isinstance(value, list) else [value]
    return [
        {
            "id": record.get("_id"),
            "version": record.get("_version"),
            "since": record.get("_valid_from"),
            "fields": {name: record[name] for name in dict.fromkeys(fields) if name in record},
        }
        for record in values
        if isinstance(record, Mapping)
    ]
