"""The form of an accord's terms: what was typed becomes terms, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from pencere.kernel.dates import parse_date
from pencere.kernel.errors import Invalid
from pencere.web.country import country
from pencere.web.office.state_register import said
from pencere.web.stateregister.domain.exchange_data import DEMANDS, SUBSCRIPTION
from pencere.web.texts import t

# Of a subscription nothing else is agreed: nobody asks for an event.
_OF_SUBSCRIPTIONS = frozenset(
    {"endpoints", "purposes", "legal_bases", "fields", "persons", "from", "until", "note"}
)
_LONGEST_NUMBER = 9  # digits
_LONGEST_NOTE = 1000
_LONGEST_TYPED = 20
_TYPED = ("persons", "per_second", "count", "suppress_days", "from", "until")
Terms = Mapping[str, Any]


@dataclass
class Sent:
    """A form as it came: `typed` is what stands in its fields, `problems` says what is wrong."""

    terms: dict[str, Any]
    typed: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)


def read(sent: QueryDict, before: Terms) -> Sent:
    """Read the form. What cannot be read is a problem of its field, never a term of its own."""
    form = Sent({}, {name: sent.get(name, "")[:_LONGEST_TYPED] for name in _TYPED})
    per_second, count = _number(form, "per_second"), _number(form, "count")
    hidden_by = [one for one in sent.getlist("suppress_bases") if one in country().acts]
    hidden_days = _number(form, "suppress_days")
    if hidden_by and not hidden_days:
        form.problems.setdefault("suppress_days", t("stateregister.form.hidden_days_missing"))
    elif hidden_days and not hidden_by:
        form.problems["suppress_bases"] = t("stateregister.form.hidden_basis_missing")
    form.terms = {
        "endpoints": [one.split(" ", 1) for one in sent.getlist("endpoints") if " " in one],
        "purposes": sent.getlist("purposes"),
        "legal_bases": _bases(sent.getlist("purposes"), sent.getlist("legal_bases")),
        "fields": sent.getlist("fields"),
        "persons": _number(form, "persons") or 0,
        "demands": [one for one in sent.getlist("demands") if one in DEMANDS],
        "rate": _rate(per_second, before["rate"]),
        "quota": {"per": sent.get("per") or "day", "count": count} if count else None,
        "represents": [
            f"GOV/{one}" for one in sent.getlist("represents") if one in country().bodies
        ],
        "consent": sent.get("consent") == "yes",
        "suppress": {"bases": hidden_by, "days": hidden_days} if hidden_by else None,
        "from": _day(form, "from"),
        "until": _day(form, "until"),
        "note": sent.get("note", "").strip()[:_LONGEST_NOTE],
    }
    if before["service"] == SUBSCRIPTION:
        form.terms = {key: form.terms[key] for key in _OF_SUBSCRIPTIONS}
    return form


def bases_besides(terms: Terms) -> list[str]:
    """Return the acts that no purpose of the terms brings with it."""
    own = _bases(terms["purposes"], ())
    return [one for one in terms["legal_bases"] if one not in own]


def field_groups(
    fields: Mapping[str, tuple[Mapping[str, Any], str]], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the fields that may be chosen, by the object to which they belong."""
    groups: dict[str, list[dict[str, str]]] = {}
    for code, (names, thing) in fields.items():
        groups.setdefault(thing, []).append({"value": code, "label": said.here(names)})
    return [
        {
            "label": thing,
            "options": options,
            "is_open": len(groups) == 1 or any(one["value"] in chosen for one in options),
        }
        for thing, options in groups.items()
    ]


def _bases(purposes: Iterable[str], besides: Iterable[str]) -> list[str]:
    """Return acts: of every purpose its own, and others besides."""
    known = country().purposes
    own = (known[one].basis for one in purposes if one in known)
    return list(dict.fromkeys((*own, *besides)))


def typed(terms: Terms) -> dict[str, Any]:
    """Return what stands in the fields of terms that are there."""
    suppress = terms.get("suppress")
    return {
        "persons": terms["persons"] or "",
        "per_second": terms["rate"]["per_second"] if terms["rate"] else "",
        "count": terms["quota"]["count"] if terms["quota"] else "",
        "suppress_days": suppress["days"] if suppress else "",
        "from": said.day_typed(terms["from"]),
        "until": said.day_typed(terms["until"]),
    }


def whole_number(typed: str) -> int | None:
    """Return a whole number as people type it, with spaces between; None when nothing was typed.

    Raises:
        Invalid: `stateregister.number`: something else was typed.
    """
    given = "".join(typed.split())
    if not given:
        return None
    if not (given.isascii() and given.isdigit()) or len(given) > _LONGEST_NUMBER:
        raise Invalid("stateregister.number")
    return int(given)


def _number(form: Sent, name: str) -> int | None:
    """Read a number from 1; None when the field is empty or holds something else."""
    try:
        found = whole_number(form.typed[name])
    except Invalid:
        found = 0
    if found == 0:
        form.problems[name] = t("stateregister.form.number_needed")
        return None
    return found


def _day(form: Sent, name: str) -> str:
    try:
        return parse_date(form.typed[name]).isoformat()
    except Invalid:
        form.problems[name] = t("stateregister.form.day_needed")
        return ""


def _rate(per_second: int | None, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a limit of the rate; what may come at once is twice as much, if not agreed before."""
    if per_second is None:
        return None
    if before is not None and before["per_second"] == per_second:
        return dict(before)
    return {"per_second": per_second, "burst": per_second * 2}
