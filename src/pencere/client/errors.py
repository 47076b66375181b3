"""What a caller is told when there is no answer of the service.

    Fault                 the gateway refused: `code`, `status`, `message`, `detail`, `retry_after`
    ├── BadRequest        the request itself is wrong; asking again is useless
    ├── Denied            understood, and not allowed
    └── NotNow            something is away, or too much was asked; worth trying later
    NoAnswer              the node could not be reached, or went away before it had answered

Codes are those of docs/specs/gateway-protocol.md, written as X-Road writes them from 7.8 on,
whichever way the node spells them.
"""
# ruff: noqa: N818 - "raise Denied" is how the sentence reads

import re

import httpx

from pencere.kernel.errors import PencereError

_DENIED = frozenset(
    {
        "access_denied", "ssl_authentication_failed", "unknown_member", "unknown_service",
        "service_disabled", "invalid_client_identifier", "consent_missing", "consent_narrower",
        "suppression_not_allowed",
    }
)  # fmt: skip
# Statuses by which a node says "not now", where it is set to sensible ones.
_LATER = frozenset({408, 429, 502, 503, 504})
_NOT_NOW = frozenset(
    {
        "global_conf_outdated", "io_error", "network_error", "unknown_host", "logging_failed",
        "overloaded", "stopping", "request_timeout", "rate_exceeded", "quota_exceeded",
        "maintenance_mode", "clock_skew", "consent_unavailable", "internal_error_node",
    }
)  # fmt: skip


class Fault(PencereError):
    """The gateway refused. `detail` is the number under which its operator finds why."""

    def __init__(
        self, code: str, *, status: int, message: str, detail: str, retry_after: float | None = None
    ) -> None:
        super().__init__(code, http_status=status, detail=detail)
        self.http_status = status
        self.message = message
        self.detail = detail
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        """Keep what was said when the error crosses a process boundary."""
        return _again, (
            type(self), self.code, self.http_status, self.message, self.detail, self.retry_after,
        )  # fmt: skip


class BadRequest(Fault):
    """The request itself is wrong."""


class Denied(Fault):
    """Not allowed: no right, no consent, switched off, or unknown."""


class NotNow(Fault):
    """The same request may succeed later, after `retry_after` seconds where that is known."""


class NoAnswer(PencereError):
    """Nothing came back. With `is_unseen` the node cannot have begun to act."""

    def __init__(self, reason: str, *, is_unseen: bool) -> None:
        super().__init__("gateway.no_answer", reason=reason)
        self.is_unseen = is_unseen

    def __reduce__(self) -> tuple[object, ...]:
        """Keep what was said when the error crosses a process boundary."""
        return _no_answer, (str(self.facts["reason"]), self.is_unseen)


def fault_of(answer: httpx.Response) -> Fault | None:
    """Return the fault that an answer is, None when it is the answer of the service itself."""
    given = answer.headers.get("X-Road-Error")
    if given is None:
        return None
    code = snake(given)
    message, detail = _said(answer)
    last = code.rpartition(".")[2]
    status = answer.status_code
    kind: type[Fault] = BadRequest
    if last in _DENIED or status in {401, 403, 404}:
        kind = Denied
    elif last in _NOT_NOW or status in _LATER:
        kind = NotNow
    return kind(
        code, status=status, message=message, detail=detail, retry_after=retry_after_of(answer)
    )


def snake(code: str) -> str:
    """Return a fault code as X-Road writes it from 7.8: `server.serverproxy.access_denied`."""
    side, _, last = code.rpartition(".")
    if last.islower() or "_" in last:
        return code
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last).lower()
    return f"{side.lower()}.{_RENAMED.get(words, words)}"


# Not the same words in both spellings.
_RENAMED = {"outdated_global_conf": "global_conf_outdated"}


def retry_after_of(answer: httpx.Response) -> float | None:
    """Return what `Retry-After` says in seconds; dates are not used by nodes."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else None


def _said(answer: httpx.Response) -> tuple[str, str]:
    try:
        value = answer.json()
    except ValueError:
        return "", ""
    if not isinstance(value, dict):
        return "", ""
    return str(value.get("message", ""))[:1000], str(value.get("detail", ""))[:80]


def _again(  # noqa: PLR0913, PLR0917 - as many as the error has
    kind: type[Fault], code: str, status: int, message: str, detail: str, after: float | None
) -> Fault:
    return kind(code, status=status, message=message, detail=detail, retry_after=after)


def _no_answer(reason: str, is_unseen: bool) -> NoAnswer:
    return NoAnswer(reason, is_unseen=is_unseen)
