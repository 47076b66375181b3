"""Reading the register: lists, searches, versions. Pages and exports take what they show here."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from pencere.kernel.alphabet import fold
from pencere.kernel.errors import Missing
from pencere.web.stateregister.models import (
    Accord,
    Act,
    Agreement,
    Description,
    Document,
    Force,
    Stage,
    System,
)


def systems(*, text: str = "", body: str = "", stage: str = "", concept: str = "") -> list[System]:
    """Return systems by name, code or purpose, owner, stage, and a concept that they keep.

    Every system carries `newest`: its newest description's content.
    """
    wanted = System.objects.select_related("owner").order_by("owner_id", "code")
    if body:
        wanted = wanted.filter(owner_id=body)
    if stage:
        wanted = wanted.filter(stage=stage)
    words = fold(text).split()
    found = []
    contents = dict(_newest(wanted))
    for system in wanted:
        content = contents.get(system.pk, {})
        system.newest = content  # type: ignore[attr-defined]
        if words and not all(word in _searched(system, content) for word in words):
            continue
        if concept and concept not in {
            field["concept"] for one in content.get("objects", ()) for field in one["fields"]
        }:
            continue
        found.append(system)
    return found


def system(body: str, code: str) -> System:
    """Return a system.

    Raises:
        Missing: `stateregister.no_system`.
    """
    found = System.objects.select_related("owner").filter(owner_id=body, code=code).first()
    if found is None:
        raise Missing("stateregister.no_system")
    return found


def descriptions(of: System) -> QuerySet[Description]:
    """Return all versions, the newest first."""
    return Description.objects.filter(system=of).order_by("-number")


def description_of(of: System, number: int | None = None) -> Description:
    """Return the newest version, or one by number.

    Raises:
        Missing: `stateregister.no_description`.
    """
    every = descriptions(of)
    found = (every if number is None else every.filter(number=number)).first()
    if found is None:
        raise Missing("stateregister.no_description")
    return found


def newest_contents() -> Iterator[tuple[System, dict[str, Any]]]:
    """Give each system that is not closed with its newest content."""
    living = System.objects.exclude(stage=Stage.CLOSED).filter(
        Q(is_active=True) | Q(stage=Stage.ESTABLISHED)
    )
    contents = dict(_newest(living))
    for one in living.select_related("owner").order_by("owner_id", "code"):
        if one.pk in contents:
            yield one, contents[one.pk]


def agreements_of(of: System, *, on: date | None = None) -> QuerySet[Agreement]:
    """Return agreements in which a system asks or answers; with `on` only those in force then."""
    found = Agreement.objects.filter(Q(consumer=of) | Q(provider=of)).select_related(
        "consumer__owner", "provider__owner", "accord"
    )
    if on is not None:
        found = found.filter(
            is_active=True, force=Force.IN_FORCE, first_day__lte=on, last_day__gte=on
        )
    return found.order_by("id")


def consented_agreements(on: date) -> list[Agreement]:
    """Return the agreements in force on a day that only a person's consent opens."""
    found = Agreement.objects.filter(
        consent=True, is_active=True, force=Force.IN_FORCE, first_day__lte=on, last_day__gte=on
    ).select_related("consumer__owner", "provider__owner")
    return list(found.order_by("consumer__owner_id", "id"))


def suppressing_systems() -> list[System]:
    """Return the systems of whose data an agreement, also an ended one, lets accesses be hidden."""
    found = System.objects.filter(duties__suppress__isnull=False).select_related("owner").distinct()
    return list(found.order_by("owner_id", "code"))


def acts_of(about: str, subject: str) -> QuerySet[Act]:
    """Return what was done to a thing, in order."""
    return Act.objects.filter(about=about, subject=subject).select_related("person")


def document(sha256: bytes) -> Document:
    """Return a document of the register by its digest.

    Raises:
        Missing: `stateregister.no_document`.
    """
    found = Document.objects.filter(sha256=sha256).first()
    if found is None:
        raise Missing("stateregister.no_document")
    return found


def accord_by_code(code: str) -> Accord | None:
    """Return the accord on whose document this code is printed; None for none."""
    found = Accord.objects.select_related("consumer__owner", "provider__owner")
    return found.filter(code=code).first() if code else None


def _newest(of: QuerySet[System]) -> Iterator[tuple[int, dict[str, Any]]]:
    last = Description.objects.filter(system=OuterRef("pk")).order_by("-number").values("pk")[:1]
    keys = of.annotate(last=Subquery(last)).values("last")
    for row in Description.objects.filter(pk__in=Subquery(keys)).values("system_id", "content"):
        yield row["system_id"], row["content"]


def _searched(of: System, content: dict[str, Any]) -> str:
    said = [of.code, of.owner_id, *of.names.values(), *of.owner.names.values()]
    said += [str(value) for value in content.get("purpose", {}).values()]
    return fold(" ".join(said))
