"""Who acted for an applicant, and by what power, in a sentence."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pencere.kernel.dates import format_date
from pencere.web.mandates.kinds import kinds
from pencere.web.texts import t


def said_of(application: Mapping[str, Any], language: str) -> str:
    """Return it as a signed application says it; "" where the applicant acted."""
    agent = application.get("agent")
    if agent is None:
        return ""
    power = agent["power"]
    kind = kinds().by_id.get(power["kind"])
    facts = {
        "name": f"{agent['given_name']} {agent['surname']}".strip(),
        "kind": power["kind"] if kind is None else kind.names.in_language(language),
    }
    if power["until"] is None:
        return t("powers.sent_by", **facts)
    until = format_date(date.fromisoformat(power["until"]), language)
    return t("powers.sent_by_until", **facts, date=until)
