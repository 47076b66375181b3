"""Acts as the pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pencere.web.certification.words import when, word
from pencere.web.texts import t

STATES = {"open": "warn", "executing": "warn", "executed": "good"}


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act of a list."""

    id: str
    kind: str
    state: str
    tag: str
    opened_at: str
    approvals: str


@dataclass(frozen=True, slots=True)
class Act:
    """One act with everything an officer must see before signing it."""

    line: ActLine
    facts: list[dict[str, str]]
    approvals: list[dict[str, str]]
    result: list[dict[str, str]]
    effects: list[dict[str, str]]
    is_open: bool
    is_mine: bool
    is_signed_by_me: bool
    chiefs_needed: int
    application: str


def act_line(view: Mapping[str, Any]) -> ActLine:
    """Return an act as a line of a list."""
    return ActLine(
        id=str(view["id"]),
        kind=word("act", str(view["act"]["act"])),
        state=word("state", str(view["state"])),
        tag=STATES.get(str(view["state"]), ""),
        opened_at=when(view["act"]["opened_at"]),
        approvals=t(
            "office.registration.signed_of", signed=len(view["approvals"]), needed=view["needed"]
        )
        if view["needed"]
        else "",
    )


def act(view: Mapping[str, Any], *, officer: str) -> Act:
    """Return an act as its page shows it to this officer (FIN)."""
    said = view["act"]
    facts = [
        ("subject", said.get("subject")),
        ("serials", "\n".join(said.get("serials") or ())),
        ("reason", word("reason", said["reason"]) if said.get("reason") else ""),
        ("note", said.get("note")),
        ("case", said.get("case")),
        *_details(said.get("details") or {}),
        ("opened_by", said.get("opened_by")),
        ("opened_at", when(said["opened_at"])),
        ("expires_at", when(said["expires_at"])),
        ("digest", view["digest"]),
    ]
    return Act(
        line=act_line(view),
        facts=[{"label": _label(key), "value": str(value)} for key, value in facts if value],
        approvals=[
            {
                "label": str(one["by"]["name"]),
                "value": word("role", str(one["by"]["role"])),
                "note": when(one["at"]),
            }
            for one in view["approvals"]
        ],
        result=[
            {
                "label": _label("result_expires_at" if key == "expires_at" else key),
                "value": when(value) if key.endswith("_at") else str(value),
            }
            for key, value in (view.get("result") or {}).items()
            if value and key not in {"application", "device", "page"}
        ],
        effects=[
            {"label": str(one["serial"]), "value": word("what", str(one["what"]))}
            for one in view.get("effects", ())
        ],
        is_open=view["state"] == "open",
        is_mine=said.get("opened_by") == officer,
        is_signed_by_me=any(one["by"]["fin"] == officer for one in view["approvals"]),
        chiefs_needed=int(view["chiefs_needed"]),
        application=str((said.get("details") or {}).get("application") or ""),
    )


def _details(details: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in details.items():
        if isinstance(value, Mapping):
            found += _details(value)
        elif isinstance(value, list):
            found.append((key, "\n".join(map(str, value))))
        elif key == "role":
            found.append((key, word("role", str(value))))
        else:
            found.append((key, value))
    return found


def _label(key: str) -> str:
    return word("fact", key)
