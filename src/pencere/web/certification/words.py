"""What the centre says, in words of the page: states, kinds, reasons, times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pencere.kernel.dates import format_date, format_instant
from pencere.web.texts import current_language, t, texts

KINDS = {"good": "good", "suspended": "warn", "revoked": "bad", "expired": "quiet"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a certificate's history."""

    at: str
    what: str
    by: str
    act: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate on a page. `is_living` says whether it can still be suspended or revoked."""

    serial: str
    name: str
    status: str
    status_said: str
    kind: str
    until: str
    since: str
    is_living: bool
    history: tuple[Happening, ...]
    place: str


def word(area: str, code: str) -> str:
    """Say a code of the centre; one without a word of its own is shown as it is."""
    key = f"certification.{area}.{code.replace('-', '_').replace('.', '_')}"
    return t(key) if key in texts() else code


def instant(said: str | None) -> datetime | None:
    """Read an instant of the centre."""
    return None if not said else datetime.fromisoformat(said).astimezone(UTC)


def when(said: str | None) -> str:
    """Say an instant as people write it; empty when there is none."""
    found = instant(said)
    return "" if found is None else format_instant(found, current_language())


def certificates(found: Sequence[Mapping[str, Any]]) -> list[Certificate]:
    """Return certificates as the page shows them."""
    return [_certificate(one) for one in found]


def _certificate(one: Mapping[str, Any]) -> Certificate:
    until = instant(one["not_after"])
    status = str(one["status"])
    return Certificate(
        serial=str(one["serial"]),
        name=word("profile", str(one["profile"])),
        status=status,
        status_said=word("status", status),
        kind=KINDS.get(status, ""),
        until="" if until is None else format_date(until.date(), current_language()),
        since=when(one.get("since")),
        is_living=status in {"good", "suspended"},
        history=tuple(_happening(line) for line in one.get("history", ())),
        place=word("place", str(one["place"])) if one.get("place") else "",
    )


def _happening(line: Mapping[str, Any]) -> Happening:
    what = word("what", str(line["what"]))
    reason = line.get("reason")
    return Happening(
        at=when(line["at"]),
        what=f"{what}: {word('reason', str(reason))}" if reason else what,
        by=", ".join(str(officer["name"]) for officer in line.get("by", ()))
        or (word("channel", str(line["channel"])) if line.get("channel") else ""),
        act=str(line.get("act") or ""),
    )
