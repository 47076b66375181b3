"""The client of the portal's gateway node. docs/reference/interfaces.md, "Gateway client".

Every call says for what purpose, on what legal basis, in which case, about whom and by whom.
"""

import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings

from pencere import client
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.web.exchange.answers import (
    Record,
    Suppression,
    Usages,
    Version,
    read_record,
    read_suppressions,
    read_usages,
    read_versions,
)
from pencere.web.exchange.registers import owner_of

log = logging.getLogger(__name__)

INSTANCE, MEMBER_CLASS = "AZ", "GOV"
CLIENT = f"{INSTANCE}/{MEMBER_CLASS}/idda/portal"
# Opening a connection, then waiting for an answer. A person is looking at the page.
TIMEOUTS_S = (2.0, 10.0)
CONNECTIONS = 16
# The field at the head of a place in the data, `$.plate` or `$.categories[0]`.
_FIELD = re.compile(r"\$\.([A-Za-z0-9_]{1,100})")
# Whether more may be repeated is for the caller to say, for whom a person may be waiting.
UNSENT = client.Retry(attempts=3, first_s=0.1, most_s=0.5, only_unsent=True)


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why data is asked for. `person` is whom it is about, `user` who acts: FINs.

    `user` is None where no person acts but a job. `represented` is the id of the body on whose
    behalf an officer or a job acts; None where a person asks about their own affairs.
    """

    code: str
    legal_basis: str
    case: str
    person: str
    user: str | None
    represented: str | None = None

    def as_sent(self) -> client.Purpose:
        """Return it as the node is told."""
        return client.Purpose(
            code=self.code,
            legal_basis=self.legal_basis,
            case=self.case,
            person=self.person,
            user=self.user,
            represented=f"{MEMBER_CLASS}/{self.represented}" if self.represented else "",
        )


class Gateway:
    """Speaks to one node. Safe between threads; connections are kept and reused.

    Every method raises

    - Unavailable("register.unavailable", register=): nobody answered, or not in the agreed form;
    - Refused(<the gateway's or the register's fault code>, register=): not allowed;
    - Conflict("register.changed", register=): the record has another version by now;
    - Conflict("register.key_taken", register=): another record has the number;
    - Missing("register.no-record", register=).
    """

    def __init__(self, *, address: str, key: str) -> None:
        self._client = client.Client(
            client.Way(address, *TIMEOUTS_S, CONNECTIONS),
            client.Identity(CLIENT, key),
            retry=UNSENT,
        )

    def query(  # noqa: PLR0913, a question is all of these
        self,
        *,
        register: str,
        by: Mapping[str, Any],
        purpose: Purpose,
        valid_at: str | None = None,
        message: str | None = None,
        annulled_too: bool = False,
    ) -> tuple[Record, ...]:
        """Return the records that a key finds, with the fields this purpose may see.

        `message` is the UUID of the exchange, where the caller must be able to name it later.
        """
        asked: dict[str, Any] = {"by": dict(by)}
        if valid_at is not None:
            asked["valid_at"] = valid_at
        if annulled_too:
            asked["state"] = "any"
        answer = self._call(
            "POST", register, "/query", purpose=purpose, body=asked, message=message
        )
        return _records(answer, register)

    def read(
        self, *, register: str, record: int, purpose: Purpose, valid_at: str | None = None
    ) -> Record:
        """Return one record, annulled or not, as it stood on a day."""
        query = f"?valid_at={valid_at}" if valid_at is not None else ""
        answer = self._call("GET", register, f"/records/{record}{query}", purpose=purpose)
        return read_record(_json(answer, register), register=register)

    def versions(self, *, register: str, record: int, purpose: Purpose) -> tuple[Version, ...]:
        """Return all versions of a record, newest first."""
        answer = self._call("GET", register, f"/records/{record}/versions", purpose=purpose)
        return read_versions(_json(answer, register), register=register)

    def events_after(self, type_: str, number: int) -> tuple[client.Event, ...]:
        """Return the events of a type that arrived at the portal's node behind a number.

        Raises:
            Unavailable: `register.unavailable`: the node does not answer, or not now.
        """
        try:
            return self._client.events_after(type_, number)
        except (client.Fault, client.NoAnswer, Invalid) as problem:
            raise Unavailable("register.unavailable", register=type_) from problem

    def acknowledge(self, type_: str, number: int) -> None:
        """Say that all events of a type up to a number are done with; raises as above."""
        try:
            self._client.acknowledge(type_, number)
        except (client.Fault, client.NoAnswer) as problem:
            raise Unavailable("register.unavailable", register=type_) from problem

    def transact(
        self,
        *,
        register: str,
        operations: Sequence[Mapping[str, Any]],
        purpose: Purpose,
        idempotency_key: str,
    ) -> tuple[Record, ...]:
        """Do all operations of one register, or none; the same key does them once.

        An operation is `{"op", "id"?, "version"?, "valid_from"?, "reason", "data"?}` as in
        docs/reference/interfaces.md. Returns the records as they stand, in the same order.
        """
        answer = self._call(
            "POST",
            register,
            "/transactions",
            purpose=purpose,
            body={"operations": [dict(operation) for operation in operations]},
            idempotency_key=idempotency_key,
        )
        return _records(answer, register)

    def find_usage(  # noqa: PLR0913, a question is all of these
        self,
        *,
        member: str,
        subsystem: str,
        purpose: Purpose,
        limit: int = 50,
        offset: int = 0,
        before: datetime | None = None,
        exchange: str | None = None,
    ) -> Usages:
        """Return who was given data of the purpose's person by this subsystem's owner.

        Newest first; only those before an instant, or only one exchange, when these are given.
        """
        service = f"{INSTANCE}/{MEMBER_CLASS}/{member}/{subsystem}/findUsage"
        asked: dict[str, Any] = {"limit": limit, "offset": offset}
        if before is not None:
            asked["before"] = before.isoformat()
        if exchange is not None:
            asked["exchange"] = exchange
        answer = self._send("POST", service, "", label=subsystem, purpose=purpose, body=asked)
        return read_usages(_json(answer, subsystem), register=subsystem)

    def suppressions(
        self, *, member: str, subsystem: str, purpose: Purpose, limit: int
    ) -> tuple[Suppression, ...]:
        """Return what this subsystem's owner keeps or kept from people by law, newest first."""
        service = f"{INSTANCE}/{MEMBER_CLASS}/{member}/{subsystem}/getSuppressions"
        answer = self._send(
            "POST", service, "", label=subsystem, purpose=purpose, body={"limit": limit}
        )
        return read_suppressions(_json(answer, subsystem), register=subsystem)

    def _call(  # noqa: PLR0913, an exchange is all of these
        self,
        method: str,
        register: str,
        path: str,
        *,
        purpose: Purpose,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        message: str | None = None,
    ) -> client.Answer:
        owner = owner_of(register)
        return self._send(
            method, f"{INSTANCE}/{MEMBER_CLASS}/{owner}/{register}", path, label=register,
            purpose=purpose, body=body, idempotency_key=idempotency_key, message=message,
        )  # fmt: skip

    def _send(  # noqa: PLR0913, an exchange is all of these
        self,
        method: str,
        service: str,
        path: str,
        *,
        label: str,
        purpose: Purpose,
        body: Mapping[str, Any] | None,
        idempotency_key: str | None = None,
        message: str | None = None,
    ) -> client.Answer:
        message = message or str(uuid.uuid4())
        try:
            answer = self._client.request(
                method, service, path, purpose=purpose.as_sent(), body=body, message_id=message,
                idempotency_key=idempotency_key,
            )  # fmt: skip
        except client.Fault as fault:
            raise _fault(fault, label, message) from fault
        except client.NoAnswer as error:
            log.warning("exchange_unanswered register=%s message=%s reason=%s",
                        label, message, error.facts["reason"])  # fmt: skip
            raise Unavailable("register.unavailable", register=label) from error
        if answer.is_ok:
            return answer
        raise _said_no(answer, label, message)


def _fault(fault: client.Fault, register: str, message: str) -> Exception:
    log.warning("exchange_refused register=%s message=%s status=%s fault=%s detail=%s",
                register, message, fault.http_status, fault.code, fault.detail)  # fmt: skip
    if isinstance(fault, client.NotNow):
        return Unavailable("register.unavailable", register=register, fault=fault.code)
    return Refused(fault.code, register=register)


def _said_no(answer: client.Answer, register: str, message: str) -> Exception:
    status = answer.status
    log.warning("exchange_answered register=%s message=%s status=%s", register, message, status)
    if status == 404:
        return Missing("register.no-record", register=register)
    if status in {409, 412}:
        if _said(answer) == "key.taken":
            return Conflict("register.key_taken", register=register)
        return Conflict("register.changed", register=register)
    if status >= 500 or status in {408, 429}:
        return Unavailable("register.unavailable", register=register)
    wrong = _wrong_fields(answer)
    facts: dict[str, object] = {"fields": wrong} if wrong else {}
    return Refused(_said(answer) or "register.refused", register=register, **facts)


def _wrong_fields(answer: client.Answer) -> tuple[str, ...]:
    """Return the names of the fields that the register will not take."""
    detail = _object(answer).get("detail")
    given = detail.get("fields") if isinstance(detail, dict) else None
    places = (
        [one.get("field") for one in given if isinstance(one, dict)]
        if (isinstance(given, list))
        else []
    )
    found = (_FIELD.match(one) for one in places if isinstance(one, str))
    return tuple(dict.fromkeys(match[1] for match in found if match is not None))


def _object(answer: client.Answer) -> dict[str, Any]:
    try:
        value = answer.json()
    except Invalid:
        return {}
    return value if isinstance(value, dict) else {}


def _said(answer: client.Answer) -> str:
    value = _object(answer)
    code = value.get("code") or value.get("type") or value.get("error")
    return code if isinstance(code, str) and len(code) <= 80 else ""


def _records(answer: client.Answer, register: str) -> tuple[Record, ...]:
    records = _json(answer, register).get("records")
    if not isinstance(records, list):
        raise Unavailable("register.unavailable", register=register, problem="form")
    return tuple(read_record(item, register=register) for item in records)


def _json(answer: client.Answer, register: str) -> dict[str, Any]:
    try:
        value = answer.json()
    except Invalid as error:
        raise Unavailable("register.unavailable", register=register, problem="json") from error
    if not isinstance(value, dict):
        raise Unavailable("register.unavailable", register=register, problem="json")
    return value


@cache
def gateway() -> Gateway:
    """Return this process's client of the portal's node."""
    installation = settings.INSTALLATION
    return Gateway(
        address=installation.address("gateway-portal"),
        key=installation.secret("client/portal"),
    )
