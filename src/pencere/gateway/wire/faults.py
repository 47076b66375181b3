"""Faults: what a caller gets when the gateway, and not the service, refuses.

X-Road's codes in both spellings (classic to 7.7, snake from 7.8), and ours for what X-Road
does not know. `status` is the sensible one; with X-Road's exact statuses every `server.` fault
that X-Road knows is 500. The sentences are for the programmer at the other end, in English,
like the protocol itself.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from pencere.kernel.errors import PencereError

# What another node says is told as it is, unless JSON, XML or the database could not hold it.
_UNTOLD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_MESSAGE = 4_000
_LONGEST_WAIT_S = 366 * 86_400


class Side(Enum):
    """Which proxy refuses: the caller's own node, or the provider's."""

    CLIENT = ("ClientProxy", "clientproxy")
    SERVER = ("ServerProxy", "serverproxy")


class Kind(Enum):
    """What went wrong: code to 7.7, code from 7.8, sensible status, whether X-Road knows it."""

    INTERNAL_ERROR = ("InternalError", "internal_error", 400, True)
    NODE_ERROR = ("InternalError", "internal_error", 500, True)
    INVALID_CLIENT_IDENTIFIER = ("InvalidClientIdentifier", "invalid_client_identifier", 400, True)
    UNKNOWN_MEMBER = ("UnknownMember", "unknown_member", 404, True)
    SSL_AUTHENTICATION_FAILED = ("SslAuthenticationFailed", "ssl_authentication_failed", 401, True)
    INVALID_SECURITY_SERVER = ("InvalidSecurityServer", "invalid_security_server", 400, True)
    GLOBAL_CONF_OUTDATED = ("OutdatedGlobalConf", "global_conf_outdated", 503, True)
    IO_ERROR = ("IOError", "io_error", 502, True)
    TIMEOUT = ("IOError", "io_error", 504, True)
    MESSAGE_TOO_LARGE = ("IOError", "io_error", 413, True)
    NETWORK_ERROR = ("NetworkError", "network_error", 502, True)
    UNKNOWN_HOST = ("NetworkError", "unknown_host", 502, True)
    INCONSISTENT_RESPONSE = ("InconsistentResponse", "inconsistent_response", 502, True)
    INVALID_SIGNATURE = ("InvalidSignature", "invalid_signature", 502, True)
    INVALID_REQUEST = ("InvalidRequest", "invalid_request", 400, True)
    UNKNOWN_SERVICE = ("UnknownService", "unknown_service", 404, True)
    ACCESS_DENIED = ("AccessDenied", "access_denied", 403, True)
    SERVICE_DISABLED = ("ServiceDisabled", "service_disabled", 503, True)
    SERVICE_TYPE = ("ServiceType", "service_type", 400, True)
    SERVICE_MISSING_URL = ("ServiceMissingUrl", "service_missing_url", 502, True)
    LOGGING_FAILED = ("LoggingFailed", "logging_failed", 503, True)
    RATE_EXCEEDED = ("RateExceeded", "rate_exceeded", 429, False)
    QUOTA_EXCEEDED = ("QuotaExceeded", "quota_exceeded", 429, False)
    MISSING_HEADER = ("MissingHeader", "missing_header", 400, False)
    INVALID_HEADER = ("InvalidHeader", "invalid_header", 400, False)
    HEAD_TOO_LARGE = ("HeadTooLarge", "head_too_large", 431, False)
    TOO_SLOW = ("RequestTimeout", "request_timeout", 408, False)
    REPLAYED = ("ReplayedRequest", "replayed_request", 409, False)
    CLOCK = ("ClockSkew", "clock_skew", 502, False)
    CONSENT_MISSING = ("ConsentMissing", "consent_missing", 403, False)
    CONSENT_UNAVAILABLE = ("ConsentUnavailable", "consent_unavailable", 503, False)
    SUPPRESSION_NOT_ALLOWED = ("SuppressionNotAllowed", "suppression_not_allowed", 403, False)
    UNKNOWN_EXCHANGE = ("UnknownExchange", "unknown_exchange", 404, False)
    EVIDENCE_UNAVAILABLE = ("EvidenceUnavailable", "evidence_unavailable", 503, False)
    MESSAGE_CONFLICT = ("MessageConflict", "message_conflict", 409, False)
    UNKNOWN_MESSAGE = ("UnknownMessage", "unknown_message", 404, False)
    UNKNOWN_EVENT = ("UnknownEvent", "unknown_event", 404, False)
    OVERLOADED = ("Overloaded", "overloaded", 503, False)
    STOPPING = ("Stopping", "stopping", 503, False)

    @property
    def classic(self) -> str:
        """Return the last part of the code as X-Road wrote it up to 7.7."""
        return self.value[0]

    @property
    def snake(self) -> str:
        """Return the last part of the code as X-Road writes it from 7.8."""
        return self.value[1]


class Fault(PencereError):  # noqa: N818  # the protocol's own word
    """The gateway refuses.

    `message` is for the calling programmer and never holds a value of a person; `reasons` say
    more to an operator. `detail` is the number under which operators of both nodes find it.
    """

    def __init__(  # noqa: PLR0913
        self,
        side: Side,
        kind: Kind,
        message: str,
        *,
        reasons: tuple[str, ...] = (),
        retry_after_s: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"server.{side.value[1]}.{kind.snake}", message=message)
        self.side = side
        self.kind = kind
        self.message = message
        self.reasons = reasons
        self.retry_after_s = retry_after_s
        self.detail = detail or new_detail()

    @classmethod
    def from_node(cls, kind: str, content: Mapping[str, Any]) -> "Fault":
        """Return what another node said.

        Raises:
            KeyError, TypeError, ValueError: it is no fault of a node.
        """
        message, wait = content["message"], content.get("retry_after")
        if not isinstance(message, str):
            raise TypeError("a message is text")
        if wait is not None and not (isinstance(wait, int) and 0 <= wait <= _LONGEST_WAIT_S):
            raise ValueError("no time to wait")
        return cls(
            Side.SERVER,
            Kind[kind],
            _UNTOLD.sub("\ufffd", message[:_LONGEST_MESSAGE]),
            retry_after_s=int(wait) if wait is not None else None,
            detail=str(UUID(str(content["detail"]))) if "detail" in content else "",
        )

    def to_node(self) -> dict[str, Any]:
        """Return what the other node is told besides the kind."""
        told: dict[str, Any] = {"message": self.message, "detail": self.detail}
        if self.retry_after_s is not None:
            told["retry_after"] = self.retry_after_s
        return told


def client_fault(kind: Kind, message: str) -> Fault:
    """Return a fault of the caller's own node."""
    return Fault(Side.CLIENT, kind, message)


def server_fault(
    kind: Kind,
    message: str,
    *,
    reasons: tuple[str, ...] = (),
    retry_after_s: int | None = None,
) -> Fault:
    """Return a fault of the provider's node."""
    return Fault(Side.SERVER, kind, message, reasons=reasons, retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True)
class FaultStyle:
    """How faults are spelt and which statuses they get; a setting of the node."""

    classic_codes: bool = False
    xroad_statuses: bool = False

    def code(self, fault: Fault) -> str:
        """Return the code as `X-Road-Error` and the body carry it."""
        if self.classic_codes:
            return f"Server.{fault.side.value[0]}.{fault.kind.classic}"
        return fault.code

    def status(self, fault: Fault) -> int:
        """Return the HTTP status."""
        if self.xroad_statuses and fault.kind.value[3]:
            return 500
        return fault.kind.value[2]


_XML_TYPES = (b"text/xml", b"application/xml", b"text/*")


def render(code: str, message: str, detail: str, accept: bytes) -> tuple[bytes, bytes]:
    """Return `(content type, body)`: XML when `accept` lists it anywhere, else JSON.

    The first XML type wins, JSON before it counts for nothing and q-values are ignored, as
    X-Road does. JSON whatever else is asked.
    """
    for item in accept.lower().split(b","):
        media = item.split(b";", 1)[0].strip()
        if media in _XML_TYPES:
            kind = b"text/xml" if media == b"text/*" else media
            xml = (
                '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
                f"<error><type>{escape(code)}</type><message>{escape(message)}</message>"
                f"<detail>{escape(detail)}</detail></error>"
            )
            return kind + b";charset=utf-8", xml.encode()
    body = json.dumps({"type": code, "message": message, "detail": detail}, ensure_ascii=False)
    return b"application/json;charset=utf-8", body.encode()


def new_detail() -> str:
    """Return the number under which a fault is found in the node's journal."""
    return str(uuid.uuid4())
