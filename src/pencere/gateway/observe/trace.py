"""W3C Trace Context: continued from the caller, made when absent, handed on.

https://www.w3.org/TR/trace-context/ (level 1, sections 3.2 and 3.3). A trace says nothing of a
person and decides nothing: a broken one is dropped and a new one begun, never refused.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_LONGEST_STATE = 512
TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
_NAMES = frozenset({TRACEPARENT, TRACESTATE})
_SAMPLED = 1

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Trace:
    """One span of a trace: this node's part in an exchange. Identifiers are lower-case hex."""

    trace: str
    span: str
    # The caller's span, empty when the trace began here.
    parent: str
    is_sampled: bool
    state: bytes = b""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], *, is_sampled: bool = True) -> "Trace":
        """Continue the trace of these headers, or begin one; `is_sampled` is for a new one."""
        parents: list[bytes] = []
        states: list[bytes] = []
        for name, value in headers:
            lower = name.lower()
            if lower == TRACEPARENT:
                parents.append(value.strip())
            elif lower == TRACESTATE:
                states.append(value.strip())
        # Several parents are as good as none (section 3.2.1); several states are one list.
        found = _PARENT.fullmatch(parents[0]) if len(parents) == 1 else None
        span = os.urandom(8).hex()
        if found is None or not _is_valid(found):
            return cls(os.urandom(16).hex(), span, "", is_sampled)
        state = b",".join(states)
        if len(state) > _LONGEST_STATE or not state.isascii():
            state = b""
        return cls(
            found[2].decode(), span, found[3].decode(), bool(int(found[4], 16) & _SAMPLED), state
        )

    def of_exchange(self, exchange: str) -> "Trace":
        """Return this span as the consumer's node names it, the same on both nodes.

        Nothing may be added to the head that is hashed and signed (X-Road-Request-Hash), so what
        no caller said is derived from the number of the exchange, which both nodes know.
        """
        trace = self.trace if self.parent else exchange.replace("-", "")
        span = hashlib.sha256(f"span of {exchange}".encode()).hexdigest()[:16]
        return replace(self, trace=trace, span=span)

    def below(self, exchange: str) -> "Trace":
        """Return this span as the provider's node has it: below the consumer's node's."""
        above = self.of_exchange(exchange)
        return replace(self, trace=above.trace, parent=above.span)

    def onto(self, headers: Headers) -> Headers:
        """Return headers that name this span as the parent of what follows."""
        kept = [pair for pair in headers if pair[0].lower() not in _NAMES]
        kept.append((TRACEPARENT, f"00-{self.trace}-{self.span}-0{self.is_sampled:d}".encode()))
        if self.state:
            kept.append((TRACESTATE, self.state))
        return kept


def _is_valid(found: re.Match[bytes]) -> bool:
    version, trace, parent, _, rest = found.groups()
    if version == b"ff" or not trace.strip(b"0") or not parent.strip(b"0"):
        return False
    # Version 00 is exactly so long; a later one may add fields (section 3.2.4).
    return rest is None or version != b"00"
