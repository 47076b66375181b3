"""The client of the portal's gateway node. docs/reference/interfaces.md, "Gateway client".

Every call says for what purpose, on what legal basis, in which case, about whom and by whom.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Missing, Refused, Unavailable
from pencere.web.exchange.answers import Record, Usages, read_record, read_usages
from pencere.web.exchange.registers import owner_of

log = logging.getLogger(__name__)

INSTANCE, MEMBER_CLASS = "AZ", "GOV"
CLIENT = f"{INSTANCE}/{MEMBER_CLASS}/idda/portal"
# What stands for the person who acts where none does.
SYSTEM = "system"

# Opening a connection, then waiting for an answer. A person is looking at the page.
TIMEOUTS_S = (2.0, 10.0)
CONNECTIONS = 16


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

    def headers(self) -> dict[str, str]:
        """Return the headers of the exchange."""
        named = {
            "X-Road-Client": CLIENT,
            "X-Road-UserId": SYSTEM if self.user is None else f"{INSTANCE}{self.user}",
            "X-Road-Represented-Party": (
                f"{MEMBER_CLASS}/{self.represented}" if self.represented else ""
            ),
            "Pencere-Purpose": self.code,
            "Pencere-Legal-Basis": self.legal_basis,
            "Pencere-Case": self.case,
            "Pencere-Person": self.person,
        }
        return {name: value for name, value in named.items() if value}


class Gateway:
    """Speaks to one node. Safe between threads; connections are kept and reused.

    Every method raises

    - Unavailable("register.unavailable", register=): nobody answered, or not in the agreed form;
    - Refused(<the gateway's or the register's fault code>, register=): not allowed;
    - Conflict("register.changed", register=): the record has another version by now;
    - Missing("register.no-record", register=).
    """

    def __init__(self, *, address: str, key: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.headers["Pencere-Client-Key"] = key
        # A connection that could not be made carried nothing, so trying it again is safe for
        # every method. A request that was sent is never sent again from here: the caller knows
        # whether its idempotency key allows it.
        retry = Retry(total=None, connect=2, read=0, redirect=0, status=0, other=0,
                      backoff_factor=0.1)  # fmt: skip
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=CONNECTIONS, max_retries=retry)
        self._session.mount("http", adapter)

    def query(
        self,
        *,
        register: str,
        by: Mapping[str, Any],
        purpose: Purpose,
        valid_at: str | None = None,
        message: str | None = None,
    ) -> tuple[Record, ...]:
        """Return the records that a key finds, with the fields this purpose may see.

        `message` is the UUID of the exchange, where the caller must be able to name it later.
        """
        asked: dict[str, Any] = {"by": dict(by)}
        if valid_at is not None:
            asked["valid_at"] = valid_at
        answer = self._call(
            "POST", register, "/query", purpose=purpose, body=asked, message=message
        )
        return _records(answer, register)

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
        path = f"/r1/{INSTANCE}/{MEMBER_CLASS}/{member}/{subsystem}/findUsage"
        asked: dict[str, Any] = {"limit": limit, "offset": offset}
        if before is not None:
            asked["before"] = before.isoformat()
        if exchange is not None:
            asked["exchange"] = exchange
        answer = self._send("POST", path, label=subsystem, purpose=purpose,
                            body=asked, extra={})  # fmt: skip
        return read_usages(_json(answer, subsystem), register=subsystem)

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
    ) -> requests.Response:
        subsystem, _, service = register.partition("/")
        base = f"/r1/{INSTANCE}/{MEMBER_CLASS}/{owner_of(register)}/{subsystem}/{service}"
        extra = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._send(method, base + path, label=register, purpose=purpose, body=body,
                          extra=extra, message=message)  # fmt: skip

    def _send(  # noqa: PLR0913, an exchange is all of these
        self,
        method: str,
        path: str,
        *,
        label: str,
        purpose: Purpose,
        body: Mapping[str, Any] | None,
        extra: Mapping[str, str],
        message: str | None = None,
    ) -> requests.Response:
        message = message or str(uuid.uuid4())
        headers = {**purpose.headers(), **extra, "X-Road-Id": message}
        content = None
        if body is not None:
            content = canonical_json(body)
            headers["Content-Type"] = "application/json"
        try:
            answer = self._session.request(
                method, self._address + path, data=content, headers=headers, timeout=TIMEOUTS_S,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            log.warning("exchange_unanswered register=%s message=%s error=%s",
                        label, message, type(error).__name__)  # fmt: skip
            raise Unavailable("register.unavailable", register=label) from error
        if answer.ok:
            return answer
        raise _fault(answer, label, message)


def _fault(answer: requests.Response, register: str, message: str) -> Exception:
    code = answer.headers.get("X-Road-Error", "")
    status = answer.status_code
    log.warning("exchange_refused register=%s message=%s status=%s fault=%s",
                register, message, status, code or "-")  # fmt: skip
    if code:
        refused = any(word in code.lower() for word in _NOT_ALLOWED)
        if refused or status in {400, 401, 403, 404, 413}:
            return Refused(code, register=register)
        return Unavailable("register.unavailable", register=register, fault=code)
    if status == 404:
        return Missing("register.no-record", register=register)
    if status in {409, 412}:
        return Conflict("register.changed", register=register)
    if status >= 500 or status in {408, 429}:
        return Unavailable("register.unavailable", register=register)
    return Refused(_said(answer) or "register.refused", register=register)


# Fault codes by which a node says "no" rather than "not now", in old and new spelling.
_NOT_ALLOWED = (
    "accessdenied",
    "access_denied",
    "invalid_client",
    "invalidclient",
    "ssl_authentication",
    "sslauthentication",
    "purpose",
    "legal_basis",
    "unknown_service",
    "unknownservice",
    "unknown_member",
    "unknownmember",
    "service_disabled",
    "badrequest",
    "bad_request",
)


def _said(answer: requests.Response) -> str:
    try:
        value = answer.json()
    except ValueError:
        return ""
    if not isinstance(value, dict):
        return ""
    code = value.get("code") or value.get("type") or value.get("error")
    return code if isinstance(code, str) and len(code) <= 80 else ""


def _records(answer: requests.Response, register: str) -> tuple[Record, ...]:
    records = _json(answer, register).get("records")
    if not isinstance(records, list):
        raise Unavailable("register.unavailable", register=register, problem="form")
    return tuple(read_record(item, register=register) for item in records)


def _json(answer: requests.Response, register: str) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError as error:
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
