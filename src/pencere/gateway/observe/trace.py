"""W3C Trace Context: continued from the caller, made when absent, handed on.

https://www.w3.org/TR/trace-context/ (level 1, sections 3.2 and 3.3). A trace says nothing of a
person and decides nothing: a broken one is dropped and a new one begun, never refused.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_LONGEST_STATE = 512
TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
_NAMES = frozenset({TRACEPARENT, TRACESTATE})
_SAMPLED = 1

Headers = list[tuple[bytes, bytes]]


class Trace(NamedTuple):
    """One span of a trace: this node's part in an exchange. Identifiers are lower-case hex.

    `trace` and `span` are empty where nobody began one, until there is an exchange or
    `or_new` makes them.
    """

    trace: str
    span: str
    # The caller's span, empty when the trace began here.
    parent: str
    is_sampled: bool
    state: bytes = b""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], values: Mapping[bytes, bytes]) -> "Trace":
        """Continue the trace of these headers; `values` are they by lower-case name."""
        if TRACEPARENT not in values:
            return NEW
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
        if found is None or not _is_valid(found):
            return NEW
        state = b",".join(states)
        if len(state) > _LONGEST_STATE or not state.isascii():
            state = b""
        is_sampled = bool(int(found[4], 16) & _SAMPLED)
        return cls(found[2].decode(), os.urandom(8).hex(), found[3].decode(), is_sampled, state)

    def or_new(self) -> "Trace":
        """Return this one, or a new one where nobody began one."""
        return self if self.trace else Trace(os.urandom(16).hex(), os.urandom(8).hex(), "", True)

    def of_exchange(self, exchange: str) -> "Trace":
        """Return this span as the consumer's node names it, the same on both nodes.

        Nothing may be added to the head that is hashed and signed (X-Road-Request-Hash), so what
        no caller said is derived from the number of the exchange, which both nodes know.
        """
        trace = self.trace if self.parent else exchange.replace("-", "")
        span = hashlib.sha256(f"span of {exchange}".encode()).hexdigest()[:16]
        return Trace(trace, span, self.parent, self.is_sampled, self.state)

    def below(self, exchange: str) -> "Trace":
        """Return this span as the provider's node has it: below the consumer's node's."""
        above = self.of_exchange(exchange)
        return Trace(above.trace, os.urandom(8).hex(), above.span, self.is_sampled, self.state)

    def onto(self, headers: Headers, values: Mapping[bytes, bytes]) -> Headers:
        """Return headers that name this span as the parent of what follows."""
        if TRACEPARENT in values or TRACESTATE in values:
            kept = [pair for pair in headers if pair[0].lower() not in _NAMES]
        else:
            kept = list(headers)
        parent = f"00-{self.trace}-{self.span}-0{'1' if self.is_sampled else '0'}"
        kept.append((TRACEPARENT, parent.encode()))
        if self.state:
            kept.append((TRACESTATE, self.state))
        return kept


NEW = Trace("", "", "", True)


def _is_valid(found: re.Match[bytes]) -> bool:
    version, trace, parent, _, rest = found.groups()
    if version == b"ff" or not trace.strip(b"0") or not parent.strip(b"0"):
        return False
    # Version 00 is exactly so long; a later one may add fields (section 3.2.4).
    return rest is None or version != b"00"
