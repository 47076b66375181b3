"""Asking the consent register before data is given. docs/specs/consent.md.

The node asks as a system of its own, through the gateway like everybody: signed, logged, and seen
by the person. Nothing is kept: what a person takes back is taken back for the next request.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.gateway.directory.model import Agreement, Directory
from pencere.gateway.exchange import consumer
from pencere.gateway.exchange.core import Circumstances, Core
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import Headers
from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import local_date
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.message import Request

log = logging.getLogger(__name__)
# The subsystem as which a member's node asks for itself.
_OWN = "gateway"


@dataclass(frozen=True, slots=True)
class Consented:
    """By which consent, to which of the agreed fields; none named when none are agreed."""

    number: str
    fields: tuple[str, ...]


Done = Callable[[Consented | Fault], None]


def ask(
    core: Core, directory: Directory, terms: Agreement, facts: Circumstances, done: Done
) -> None:
    """Ask whether the person of `facts` consents to `terms`.

    Raises:
        Fault: nobody is named, or there is nothing to ask.
    """
    if not facts.person:
        raise server_fault(
            Kind.MISSING_HEADER,
            "Header Pencere-Person is missing; the service needs the consent of the person."
            " Example: Pencere-Person: 1AB2C3D",
        )
    own = f"{core.config.node.rpartition('/')[0]}/{_OWN}"
    register = directory.consent_register
    rights = directory.agreements.get((own, register), ()) if register else ()
    if not rights:
        raise server_fault(
            Kind.CONSENT_UNAVAILABLE, f"the directory gives {own} no register of consents to ask"
        )
    headers = [
        (b"X-Road-Client", own.encode()),
        (b"X-Road-UserId", b"system"),
        (b"Pencere-Purpose", min(rights[0].purposes, default="").encode()),
        (b"Pencere-Legal-Basis", min(rights[0].bases, default="").encode()),
        (b"Pencere-Person", facts.person.encode()),
        (b"Pencere-Case", facts.case_number.encode()),
        (b"Content-Type", b"application/json"),
    ]
    body = canonical_json({"by": {"fin": facts.person}})
    today = local_date(core.now())

    def respond(
        status: int, headers: Headers, body: bytes | Body | Stream, reason: str = "", /
    ) -> None:
        del headers, reason
        if not isinstance(body, bytes):
            # No answer of that register.
            body.close()
            body = b""
        try:
            done(decide(terms, facts, status, body, today))
        except Fault as fault:
            done(fault)

    consumer.handle(core, Request("POST", f"/r1/{register}/query", headers, body), respond, own=own)


def decide(
    terms: Agreement, facts: Circumstances, status: int, body: bytes, today: date
) -> Consented:
    """Read the register's answer.

    Raises:
        Fault: there is no consent that covers this, or no answer.
    """
    if status != 200:
        raise server_fault(
            Kind.CONSENT_UNAVAILABLE, "the register of consents does not answer; ask again"
        )
    try:
        records = [(str(one["id"]), one["data"]) for one in json.loads(body)["records"]]
        found = [(number, data) for number, data in records if _covers(data, terms, facts, today)]
    except (ValueError, KeyError, TypeError) as problem:
        raise server_fault(
            Kind.CONSENT_UNAVAILABLE, "the register of consents gave no proper answer"
        ) from problem
    for number, data in found:
        allowed = set(data["fields"])
        fields = tuple(one for one in terms.fields or data["fields"] if one in allowed)
        if fields and facts.consent in {"", number}:
            return Consented(number, fields)
    raise server_fault(
        Kind.CONSENT_MISSING,
        f"the person has not consented to agreement {terms.identifier} for this purpose,"
        " or has taken the consent back. They can give it in the portal",
    )


def _covers(data: Mapping[str, Any], terms: Agreement, facts: Circumstances, today: date) -> bool:
    return (
        data["agreement"] == terms.identifier
        and data["recipient"] == terms.consumer
        and data["service"] == terms.service
        and data["purpose"] == facts.purpose
        and date.fromisoformat(data["until"]) >= today
    )
