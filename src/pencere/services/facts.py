"""What the state already has: what to ask, and what to take from the answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pencere.kernel.text import Text
from pencere.services.expressions import Absent, evaluate, holds_if_known
from pencere.services.model.common import Role
from pencere.services.model.definition import Fact


@dataclass(frozen=True, slots=True)
class FactRequest:
    """One question to a register, to be sent through the gateway."""

    register: str
    by: Mapping[str, object]
    purpose: str
    basis: str


def request(fact: Fact, context: Mapping[str, object]) -> FactRequest | None:
    """Return what to ask; None when the key itself is absent (no licence: no number to ask by).

    Facts are asked in the order of the definition, so a key may come from a fact before.
    """
    try:
        by = {field: evaluate(value, context) for field, value in fact.by.items()}
    except Absent:
        return None
    return FactRequest(fact.register, by, fact.purpose, fact.basis)


def take(
    fact: Fact, records: Iterable[Mapping[str, object]], context: Mapping[str, object]
) -> dict[str, object] | list[dict[str, object]] | None:
    """Return the value of `facts.<id>`: the fields of the record and `_id`, `_version`, `_state`.

    `records` are those the register answered. Of several that `only` keeps, the one valid from
    the latest day counts, unless the fact is `many`. None: leave the fact out of the context.
    """
    kept = []
    for record in records:
        value = _flat(record)
        if fact.only is None or holds_if_known(fact.only, {**context, "record": value}):
            kept.append((str(record.get("valid_from") or ""), value))
    if fact.many:
        return [value for _, value in sorted(kept, key=lambda item: item[0])]
    return max(kept, key=lambda item: item[0])[1] if kept else None


def shown(fact: Fact, value: object, role: Role) -> list[tuple[str, Text | None, object]]:
    """Return (field, label, value) of what this role sees; label None: the register's own name."""
    if role not in fact.to:
        return []
    records = value if isinstance(value, list) else [value]
    return [
        (field, fact.labels.get(field), record[field])
        for record in records
        if isinstance(record, Mapping)
        for field in fact.show
        if record.get(field) is not None
    ]


def _flat(record: Mapping[str, object]) -> dict[str, object]:
    data = record.get("data")
    fields = dict(data) if isinstance(data, Mapping) else {}
    return {
        **fields,
        "_id": record.get("id"),
        "_version": record.get("version"),
        "_state": record.get("state"),
        "_valid_from": record.get("valid_from"),
    }
