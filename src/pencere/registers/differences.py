"""What changes between two versions of a definition, and whom it breaks.

`records`: what is stored may not fit any more and must be moved. `readers`: an answer may be one
that a reader of before does not understand. `writers`: a write of before may be refused. What
breaks nobody is compatible. A rule of the schema that is not known here breaks all three.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

RECORDS, READERS, WRITERS = "records", "readers", "writers"
_ALL = (RECORDS, READERS, WRITERS)
# Words for people: a change of them breaks nobody.
_WORDS = frozenset({"x-names", "x-values", "title", "description", "$comment", "examples"})
# Whether a larger number lets more in.
_LIMITS = {
    "maxLength": True, "maximum": True, "exclusiveMaximum": True, "maxItems": True,
    "maxProperties": True, "minLength": False, "minimum": False, "exclusiveMinimum": False,
    "minItems": False, "minProperties": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: its code, its place, and whom it breaks."""

    code: str
    where: str
    breaks: tuple[str, ...] = ()


Content = Mapping[str, object]


def differences(old: Content, new: Content) -> list[Difference]:
    """Return the changes from one definition's content to another's."""
    found = [
        *_fields(_map(old, "data"), _map(new, "data")),
        *_disclosure(old, new),
        *_keys(_map(old, "keys"), _map(new, "keys")),
    ]
    if old.get("subject") != new.get("subject"):
        found.append(Difference("subject.changed", "subject", _ALL))
    return found


def _map(content: Content, key: str) -> Content:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _fields(old: Content, new: Content) -> Iterator[Difference]:
    before, after = _map(old, "properties"), _map(new, "properties")
    needed_before, needed = _set(old.get("required")), _set(new.get("required"))
    for name in sorted(after.keys() - before.keys()):
        if name in needed:
            yield Difference("field.added_required", name, (RECORDS, WRITERS))
        else:
            yield Difference("field.added", name)
    for name in sorted(before.keys() - after.keys()):
        yield Difference("field.removed", name, _ALL)
    for name in sorted(before.keys() & after.keys()):
        if name in needed - needed_before:
            yield Difference("field.required", name, (RECORDS, WRITERS))
        elif name in needed_before - needed:
            yield Difference("field.optional", name, (READERS,))
        yield from _rules(name, before[name], after[name])
    rest_before = {key: old[key] for key in old.keys() - {"properties", "required"}}
    rest = {key: new[key] for key in new.keys() - {"properties", "required"}}
    yield from _rules("data", rest_before, rest)


def _rules(where: str, old: object, new: object) -> Iterator[Difference]:
    """Compare two schemas keyword by keyword; inside lists and objects too."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        if old != new:
            yield Difference("rule.changed", where, _ALL)
        return
    for rule in sorted((old.keys() | new.keys()) - _WORDS):
        before, after = old.get(rule), new.get(rule)
        if before == after:
            continue
        if rule == "items":
            yield from _rules(f"{where}[]", before, after)
        elif rule in {"properties", "required"}:
            continue
        else:
            yield _rule(where, rule, before, after)
    if _map(old, "properties") != _map(new, "properties") or old.get("required") != new.get(
        "required"
    ):
        for inner in _fields(
            {key: old[key] for key in ("properties", "required") if key in old},
            {key: new[key] for key in ("properties", "required") if key in new},
        ):
            yield Difference(inner.code, f"{where}.{inner.where}", inner.breaks)


def _rule(where: str, rule: str, before: object, after: object) -> Difference:
    place = f"{where}.{rule}"
    if rule == "enum" and isinstance(before, list) and isinstance(after, list):
        return _enum(place, {str(one) for one in before}, {str(one) for one in after})
    if rule in _LIMITS:
        looser = after is None or (
            isinstance(before, int | float)
            and isinstance(after, int | float)
            and (after > before) == _LIMITS[rule]
        )
        code = "limit.looser" if looser else "limit.tighter"
        return Difference(code, place, () if looser else (RECORDS, WRITERS))
    if (rule, before, after) == ("type", "integer", "number"):
        return Difference("type.wider", place, (READERS,))
    if rule in {"pattern", "format", "uniqueItems", "multipleOf"}:
        gone = after is None
        code = "rule.gone" if gone else "rule.tighter"
        return Difference(code, place, () if gone else (RECORDS, WRITERS))
    return Difference("type.changed" if rule == "type" else "rule.changed", place, _ALL)


def _enum(place: str, before: set[str], after: set[str]) -> Difference:
    if before <= after:
        return Difference("values.added", place, (READERS,))
    code = "values.removed" if after <= before else "values.changed"
    return Difference(code, place, (RECORDS, WRITERS) if after <= before else _ALL)


def _disclosure(old: Content, new: Content) -> Iterator[Difference]:
    before, after = _map(old, "disclosure"), _map(new, "disclosure")
    for purpose in sorted(before.keys() | after.keys()):
        fields_before, fields = _set(before.get(purpose)), _set(after.get(purpose))
        if purpose not in after:
            yield Difference("purpose.removed", f"disclosure.{purpose}", (READERS,))
            continue
        if purpose not in before:
            yield Difference("purpose.added", f"disclosure.{purpose}")
            continue
        for field in sorted(fields_before - fields):
            yield Difference("disclosure.narrower", f"disclosure.{purpose}.{field}", (READERS,))
        for field in sorted(fields - fields_before):
            yield Difference("disclosure.wider", f"disclosure.{purpose}.{field}")
        masks_before, masks = _map(_map(old, "masks"), purpose), _map(_map(new, "masks"), purpose)
        for field in sorted(masks_before.keys() | masks.keys()):
            if masks_before.get(field) != masks.get(field):
                gone = field not in masks
                yield Difference(
                    "mask.gone" if gone else "mask.changed",
                    f"masks.{purpose}.{field}",
                    () if gone else (READERS,),
                )


def _keys(old: Content, new: Content) -> Iterator[Difference]:
    # Rows of keys know them by their place, so a key never changes places.
    places_before = {name: place for place, name in enumerate(old)}
    places = {name: place for place, name in enumerate(new)}
    for name in old:
        if name not in new:
            yield Difference("key.removed", f"keys.{name}", (RECORDS, READERS))
        elif places[name] != places_before[name]:
            yield Difference("key.renumbered", f"keys.{name}", (RECORDS,))
        elif _map(old, name).get("kind") != _map(new, name).get("kind"):
            yield Difference("key.kind", f"keys.{name}", (RECORDS,))
        elif old[name] != new[name]:
            yield Difference("key.changed", f"keys.{name}", (RECORDS, READERS))
    for name in new:
        if name not in old:
            yield Difference("key.added", f"keys.{name}", (RECORDS,))


def _set(value: object) -> frozenset[str]:
    return frozenset(str(one) for one in value) if isinstance(value, list | tuple) else frozenset()
