"""What the country's files say otherwise than the register; a draft of an application out of it.

Nothing is kept for this: what the files said last is the newest version that the law made, or the
digest in an agreement's last act by law. What people decided otherwise is no difference as long
as the files stay as they were.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.countries.country import Country
from pencere.kernel.errors import Conflict, Refused
from pencere.web.stateregister.domain import applications, founding, reading
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.country_file import CountryFile, country_file
from pencere.web.stateregister.domain.description import (
    EMPTY,
    Difference,
    concepts_of,
    differences,
    parts,
)
from pencere.web.stateregister.domain.loading import values_of
from pencere.web.stateregister.domain.offices import PROPOSER, SUPERVISOR, Actor
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.models import (
    Act,
    Agreement,
    Application,
    Description,
    Force,
    Kind,
    Stage,
    System,
)

Content = Mapping[str, Any]
ENTRY = "entry"  # the difference is the whole system or agreement
UNKNOWN = "unknown"  # the register names what the country's lists no longer have


@dataclass(frozen=True, slots=True)
class Otherwise:
    """One difference: `before` is registered, `after` what the files make of it.

    `about` is system or agreement. Where nobody has acted (`is_acted_on` False) it becomes an act
    by law with the next founding; where people have, theirs stands until they decide again.
    """

    about: str
    key: str
    change: Difference
    is_acted_on: bool

    @property
    def is_proposable(self) -> bool:
        """Say whether an application for change can be made out of it."""
        return self.about == "system" and self.change.key not in {ENTRY, UNKNOWN}


def newer_data(country: Country) -> list[Otherwise]:
    """Return every difference; none before the register was founded.

    Raises:
        Misconfigured: a file cannot be read.
    """
    if not System.objects.exists():
        return []
    file = country_file(country)
    return [*_systems(file, country), *_agreements(file)]


@transaction.atomic
def propose(key: str, *, country: Country, actor: Actor, why: str, at: datetime) -> Application:
    """Draft an application for change that brings a system to what the files say.

    The body that owns it is told, completes and sends it; whoever drafted it approves nothing.

    Raises:
        Refused: `stateregister.not_yours`.
        Missing: `stateregister.no_system`.
        Conflict: `stateregister.no_difference`, `stateregister.stage`,
            `stateregister.application_open`.
    """
    if not actor.holds(SUPERVISOR):
        raise Refused("stateregister.not_yours")
    owner, _, code = key.partition("/")
    system = reading.system(owner, code)
    if system.stage == Stage.CLOSED:
        raise Conflict("stateregister.stage")
    changes = [one.change for one in newer_data(country) if one.key == key and one.is_proposable]
    if not changes:
        raise Conflict("stateregister.no_difference")
    file, newest = country_file(country), reading.description_of(system)
    for made in file.documents(key):
        keep(made, "application/json", by=actor.person, at=at)
    row = Application(
        kind=Kind.CHANGE, owner_id=owner, code=code, system=system, base=newest.number, why=why,
        content=_applied(newest.content, changes, file.content(key)),
    )  # fmt: skip
    body = min(actor.bodies(SUPERVISOR))
    there = applications.open_one(row, actor=actor, role=SUPERVISOR, body=body, at=at)
    drafted_so = Act.objects.filter(
        about=applications.ABOUT, subject=there.number, kind="begun", role=SUPERVISOR
    )
    if not drafted_so.exists():
        raise Conflict("stateregister.application_open")
    tell_role(PROPOSER, owner, "newer_data", key=f"{there.number}:newer", subject=there.number,
              at=at, number=there.number, name=system.names)  # fmt: skip
    return there


def _systems(file: CountryFile, country: Country) -> Iterator[Otherwise]:
    every = Description.objects.order_by("system_id", "-number").distinct("system_id")
    newest = {one.system_id: one.content for one in every}
    by_law = {one.system_id: one.content for one in every.filter(made_by=None, application="")}
    rows = {one.key: one for one in System.objects.select_related("owner").order_by("pk")}
    for key, entry in file.data.systems.items():
        row = rows.get(key)
        if row is None or not (row.is_active or row.is_acted_on):
            added = Difference(ENTRY, "", "added", None, entry.names.as_mapping())
            yield Otherwise("system", key, added, False)
    for key, row in rows.items():
        if row.stage == Stage.CLOSED or row.pk not in newest:
            continue
        if row.is_acted_on:
            unknown = _unknown(newest[row.pk], file, country)
            yield from (Otherwise("system", key, one, True) for one in unknown)
        if key in file.data.systems:
            base = by_law.get(row.pk, EMPTY)
            found = _changes(base, newest[row.pk], file.content(key))
            yield from (Otherwise("system", key, one, row.is_acted_on) for one in found)
        elif row.is_active and row.pk in by_law:
            removed = Difference(ENTRY, "", "removed", row.names, None)
            yield Otherwise("system", key, removed, row.is_acted_on)


def _changes(base: Content, registered: Content, said: Content) -> Iterator[Difference]:
    """Give what changed in the files and is not registered yet."""
    for one in differences(base, said):
        present = _part(registered, one.key, one.what)
        wanted = _merged(one, present)
        if wanted != present:
            kind = "removed" if wanted is None else "added" if present is None else "changed"
            yield replace(one, kind=kind, before=present, after=wanted)


def _merged(of: Difference, present: Any) -> Any:
    """Return a registered part with what the files changed of it; the rest is people's."""
    if isinstance(of.after, dict) and isinstance(of.before, dict) and isinstance(present, dict):
        changed = {name: value for name, value in of.after.items() if of.before.get(name) != value}
        return {**present, **changed}
    return of.after


def _part(content: Content, key: str, what: str) -> Any:
    value = content.get(key)
    return parts(key, value).get(what) if isinstance(value, list) else value


def _applied(content: Content, changes: list[Difference], said: Content) -> dict[str, Any]:
    """Return a content with the changes made; what is new of an object is called as in `said`."""
    made = copy.deepcopy(dict(content))
    for one in changes:
        if not isinstance(made.get(one.key), list):
            made[one.key] = one.after
        elif one.key == "objects":
            code, _, field = one.what.partition(".")
            found = [thing for thing in made["objects"] if thing["code"] == code]
            if not found:
                names = next(thing["names"] for thing in said["objects"] if thing["code"] == code)
                found = [{"code": code, "names": names, "fields": []}]
                made["objects"] += found
            found[0]["fields"] = _put(found[0]["fields"], "fields", field, one.after)
        else:
            made[one.key] = _put(made[one.key], one.key, one.what, one.after)
    made["objects"] = [thing for thing in made["objects"] if thing["fields"]]
    return made


def _put(values: list[Any], key: str, what: str, after: Any) -> list[Any]:
    """Return a list with the part `what` as it is after; None removes it."""
    places = [place for place, value in enumerate(values) if what in parts(key, [value])]
    if not places:
        return [*values, after] if after is not None else values
    first = places[0]
    return [*values[:first], *([] if after is None else [after]), *values[first + 1 :]]


def _unknown(content: Content, file: CountryFile, country: Country) -> Iterator[Difference]:
    """Give what a content names that the country's lists, acts or bodies no longer have."""
    codes = file.vocabulary.codes
    named: list[tuple[str, list[str], Mapping[str, Any]]] = [
        ("legal_bases", [one["act"] for one in content["legal_bases"]], country.acts),
        ("operator", [content["operator"]], country.bodies),
        ("users", content["users"], country.bodies),
        ("concept", list(concepts_of(content)), file.vocabulary.concepts),
        ("who", content["persons"]["who"], codes["who"]),
        ("personal_classes", content["personal_classes"], codes["personal_class"]),
        ("security_class", [content["security_class"]], codes["security_class"]),
        ("location", [content["location"]["data_centre"]], codes["data_centre"]),
    ]
    for key, values, known in named:
        for value in values:
            if value and value not in known:
                yield Difference(UNKNOWN, key, "removed", value, None)


def _agreements(file: CountryFile) -> Iterator[Otherwise]:
    rows = {one.id: one for one in Agreement.objects.order_by("id")}
    keys = {one.pk: one.key for one in System.objects.select_related("owner")}
    numbers = {key: pk for pk, key in keys.items()}
    law = founding.last_acts_by_law()
    for entry in file.data.agreements:
        row = rows.pop(entry.id, None)
        if row is None or not (row.is_active or row.is_acted_on):
            added = Difference(ENTRY, "", "added", None, f"{entry.consumer} - {entry.provider}")
            yield Otherwise("agreement", entry.id, added, False)
            continue
        said = {
            "consumer_id": numbers.get(entry.consumer),
            "provider_id": numbers.get(entry.provider),
            **values_of(entry),
        }
        if row.is_acted_on and (row.force == Force.ENDED or _as_it_was(said, law.get(row.id))):
            continue
        for name in (*founding.TERMS, "first_day", "last_day"):
            before, after = getattr(row, name), said[name]
            if before != after:
                if name in {"consumer_id", "provider_id"}:
                    before, after = keys.get(before, ""), getattr(entry, name.removesuffix("_id"))
                change = Difference(name, "", "changed", before, after)
                yield Otherwise("agreement", row.id, change, row.is_acted_on)
    for row in rows.values():
        act = law.get(row.id)
        if row.is_active and row.force != Force.ENDED and act and act.kind != founding.ENDED:
            names = f"{keys[row.consumer_id]} - {keys[row.provider_id]}"
            removed = Difference(ENTRY, "", "removed", names, None)
            yield Otherwise("agreement", row.id, removed, row.is_acted_on)


def _as_it_was(said: Mapping[str, Any], act: Act | None) -> bool:
    """Say whether the files say of an agreement what the law said of it last."""
    if act is None:
        return False
    facts = {
        "terms": founding.terms_digest(said),
        "from": said["first_day"].isoformat(),
        "until": said["last_day"].isoformat(),
    }
    return all(act.details.get(name) == value for name, value in facts.items())
