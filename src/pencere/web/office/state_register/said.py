"""Words of the register's codes, and things of the register as rows of a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, format_instant
from pencere.web.country import country
from pencere.web.office.state_register.openapi_form import said_of
from pencere.web.stateregister.domain.description import Difference
from pencere.web.stateregister.domain.exchange_data import EVENTS, SUBSCRIPTION
from pencere.web.stateregister.domain.sides import asking
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Accord, Act, Service, System
from pencere.web.texts import current_language, t, texts

TAGS = {
    "submitted": "warn", "returned": "warn", "approved": "good", "refused": "bad",
    "in-use": "good", "established": "warn", "closed": "", "in-force": "good",
    "suspended": "bad", "ended": "", "offered": "warn", "accepted": "warn", "signing": "warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Left:
    """How much of a term is left, in words and a colour."""

    figure: str
    tag: str
    kind: str
    day: str


def word(area: str, code: str) -> str:
    """Say a code; one without a word of its own is shown as it is."""
    key = f"stateregister.word.{area}.{code.replace('-', '_')}"
    return t(key) if key in texts() else code


def tag(area: str, code: str) -> dict[str, str]:
    """Return a state as a tag."""
    return {"label": word(area, code), "kind": TAGS.get(code, "")}


def here(value: Mapping[str, Any]) -> str:
    """Say a text of three languages in the page's own."""
    return str(value.get(current_language()) or value.get("az") or "")


def code_word(area: str, code: str) -> str:
    """Say a code of the country's lists."""
    return vocabulary().word(area, code).in_language(current_language())


def service_name(of: System, code: str) -> str:
    """Say what a system is asked for: a service of its own, its events, or what nodes answer."""
    own = EVENTS if code == SUBSCRIPTION else code
    found = Service.objects.filter(system=of, code=own).first()
    if found is not None:
        return here(found.names)
    return t(f"registry.service.{code}") if f"registry.service.{code}" in texts() else code


def side_name(row: Accord, side: str) -> str:
    """Say which body signed: the one that asks, or the one that gives."""
    is_asking = (side == "consumer") == (asking(row).pk == row.consumer_id)
    return word("side", "asks" if is_asking else "gives")


def body_name(body: str) -> str:
    """Return the name of a body; its id when the country has no such body."""
    known = country().bodies.get(body)
    return body if known is None else known.names.in_language(current_language())


def act_name(act: str) -> str:
    """Return the name of a legal act with its number."""
    known = country().acts.get(act)
    if known is None:
        return act
    return f"{known.names.in_language(current_language())} (№ {known.number})"


def day(value: date | None) -> str:
    """Say a day."""
    return "" if value is None else format_date(value, current_language())


def day_of(written: str) -> str:
    """Say a day that is written as ISO; one that is not is shown as it is."""
    try:
        return day(date.fromisoformat(written))
    except ValueError:
        return written


def day_typed(written: str) -> str:
    """Return an ISO day as people type it, dd.mm.yyyy."""
    try:
        return f"{date.fromisoformat(written):%d.%m.%Y}"
    except ValueError:
        return written


def instant(value: datetime) -> str:
    """Say an instant."""
    return format_instant(value, current_language())


def left(due: date | None) -> Left:
    """Say how much is left until the last day."""
    if due is None:
        return Left("", "", "", "")
    days = (due - local_date(settings.CLOCK.now())).days
    if days < 0:
        return Left(t("stateregister.late", n=-days), t("office.term.overdue"), "bad", day(due))
    kind = "warn" if days <= 3 else "good"
    tag_said = t("office.term.soon") if kind == "warn" else t("office.term.in_time")
    return Left(t("stateregister.left", n=days), tag_said, kind, day(due))


def steps(acts: Iterable[Act]) -> list[dict[str, str]]:
    """Return acts as a timeline."""
    language = current_language()
    found = []
    for one in acts:
        who = one.person.name if one.person is not None else t("stateregister.nobody")
        note = f"{format_instant(one.at, language)} · {who}"
        if one.body:
            note += f" · {body_name(one.body)}"
        if one.reason:
            note += f" · {one.reason}"
        state = "bad" if one.kind in {"refused", "escalated", "suspended"} else "done"
        label = word("act", one.kind)
        if one.kind == "approved":
            label = f"{label}: {role_name(one.role)}"
        found.append({"label": label, "note": note, "state": state})
    return found


def role_name(role: str) -> str:
    """Say a role of the register."""
    known = vocabulary().approvers.get(role)
    return word("role", role) if known is None else known.names.in_language(current_language())


def difference(one: Difference) -> dict[str, str]:
    """Say one change between two versions in words."""
    where = word("key", one.key) + (f": {one.what}" if one.what else "")
    before, after = _value(one.key, one.before), _value(one.key, one.after)
    said = {
        "added": t("stateregister.diff.added", value=after),
        "removed": t("stateregister.diff.removed", value=before),
        "changed": t("stateregister.diff.changed", before=before, after=after),
    }[one.kind]
    return {"label": where, "value": said}


def _value(key: str, value: Any) -> str:  # noqa: C901, PLR0911 - one line a kind of value
    if value in (None, "", [], {}):
        return t("stateregister.nothing")
    if key in {"operator", "users"}:
        return body_name(str(value)) if isinstance(value, str) else ", ".join(map(body_name, value))
    if key == "security_class":
        return code_word("security_class", str(value))
    if key == "legal_bases":
        return " · ".join(part for part in (act_name(value["act"]), value["article"]) if part)
    if key == "location":
        return " · ".join(filter(None, (code_word("data_centre", value["data_centre"]),
                                        value["address"])))  # fmt: skip
    if key == "persons":
        who = ", ".join(code_word("who", one) for one in value["who"])
        count = f"{value['count']:,}".replace(",", "\u00a0")
        return f"{count} ({who})" if who else count
    if key == "personal_classes":
        return code_word("personal_class", str(value))
    if isinstance(value, dict):
        if "names" in value:
            concept = value.get("concept")
            known = vocabulary().concepts.get(concept) if concept else None
            about = f" ({known.names.in_language(current_language())})" if known else ""
            return here(value["names"]) + about
        if "az" in value:
            return here(value)
        return " · ".join(str(one) for one in value.values() if one)
    return str(value)


def _document(service: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the way to the OpenAPI document of a service."""
    if not service.get("openapi_sha256"):
        return None
    return {
        "label": t("registry.system.download"),
        "href": reverse("register_document", args=[service["openapi_sha256"]]),
    }


def described(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a description as sections of rows."""

    def row(key: str, value: str) -> dict[str, str]:
        return {"label": word("key", key), "value": value or t("stateregister.nothing")}

    def lines(key: str, values: Iterable[Any]) -> dict[str, str]:
        return row(key, "; ".join(_value(key, one) for one in values))

    sections = {
        "general": [
            row("kind", code_word("kind", content["kind"])),
            row("names", here(content["names"])),
            row("purpose", here(content["purpose"])),
            row("operator", body_name(content["operator"]) if content["operator"] else ""),
        ],
        "law": [lines("legal_bases", content["legal_bases"])],
        "data": [
            {
                "label": here(one["names"]),
                "value": "; ".join(_value("objects", field) for field in one["fields"]),
            }
            for one in content["objects"]
        ],
        "persons": [
            row("persons", _value("persons", content["persons"])),
            lines("personal_classes", content["personal_classes"]),
        ],
        "exchange": [
            row("sources", "; ".join(
                t("stateregister.own_collection") if one["kind"] == "own" else one["system"]
                for one in content["sources"])),
            lines("users", content["users"]),
        ],
        "protection": [
            row("security_class", code_word("security_class", content["security_class"])),
            row("location", _value("location", content["location"])),
            lines("contacts", content["contacts"]),
        ],
        "services": [
            {
                "label": here(one["names"]) or one["code"],
                "value": ", ".join(" ".join(pair) for pair in one["endpoints"]),
                "note": " · ".join(filter(None, (one["code"], said_of(one)))),
                "action": _document(one),
            }
            for one in content["services"]
        ],
    }  # fmt: skip
    return [
        {"code": code, "label": word("section", code), "rows": rows}
        for code, rows in sections.items()
    ]
