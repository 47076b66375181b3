"""Frames of the link: `kind (1), flags (1), stream (4), length (4), payload`, big endian."""

import struct
from enum import IntEnum
from typing import NamedTuple

ALPN = "pencere-link/2"
HTTP = "http/1.1"
# The most a frame carries, and what each side of a stream may send before it is given credit.
FRAME_BYTES = 64 * 1024
WINDOW_BYTES = 256 * 1024
LARGEST_STREAM = 2**31 - 1
END = 1

_HEADER = struct.Struct(">BBII")
_NUMBER = struct.Struct(">I")
_STATUS = struct.Struct(">H")
_LONGEST_REASON = 200


class FrameError(ValueError):
    """The other end broke the protocol; the connection is cut."""


class FrameKind(IntEnum):
    """What a frame is."""

    REQUEST = 1
    ANSWER = 2
    MORE = 3
    CREDIT = 4
    CANCEL = 5
    PING = 6
    PONG = 7
    GOAWAY = 8


class Cancel(IntEnum):
    """Why one side wants no more of a stream. After STOPPING and BUSY nothing was done."""

    UNWANTED = 1
    STOPPING = 2
    BUSY = 3
    TOO_LARGE = 4
    SLOW = 5


class Frame(NamedTuple):
    """One frame. `is_last`: the sender's message ends with it."""

    kind: FrameKind
    is_last: bool
    stream: int
    payload: bytes


_KINDS = {kind.value: kind for kind in FrameKind}
_OF_STREAMS = frozenset(
    {FrameKind.REQUEST, FrameKind.ANSWER, FrameKind.MORE, FrameKind.CREDIT, FrameKind.CANCEL}
)
_MAY_END = frozenset({FrameKind.REQUEST, FrameKind.ANSWER, FrameKind.MORE})
_LENGTHS = {FrameKind.CREDIT: 4, FrameKind.CANCEL: 1, FrameKind.PING: 8, FrameKind.PONG: 8}


def pack(kind: FrameKind, stream: int, payload: bytes, *, is_last: bool = False) -> bytes:
    """Return the bytes of a frame."""
    return _HEADER.pack(kind, END if is_last else 0, stream, len(payload)) + payload


def header(kind: FrameKind, stream: int, length: int, *, is_last: bool) -> bytes:
    """Return the header of a frame whose payload follows by itself."""
    return _HEADER.pack(kind, END if is_last else 0, stream, length)


def credit(stream: int, size: int) -> bytes:
    """Return a frame that allows `size` more bytes of a stream."""
    return pack(FrameKind.CREDIT, stream, _NUMBER.pack(size))


def cancel(stream: int, why: Cancel) -> bytes:
    """Return a frame that ends a stream."""
    return pack(FrameKind.CANCEL, stream, bytes([why]))


def goaway(last: int, reason: str) -> bytes:
    """Return a frame that says up to which stream requests are worked on."""
    text = reason.encode("ascii", "replace")[:_LONGEST_REASON]
    return pack(FrameKind.GOAWAY, 0, _NUMBER.pack(last) + text)


def status(number: int) -> bytes:
    """Return what an answer begins with."""
    return _STATUS.pack(number)


def read_number(payload: bytes) -> int:
    """Return the number a CREDIT or GOAWAY begins with."""
    if len(payload) < _NUMBER.size:
        raise FrameError("a number is cut")
    return int(_NUMBER.unpack_from(payload)[0])


def read_status(payload: bytes) -> tuple[int, bytes]:
    """Return the status an answer begins with, and the rest."""
    if len(payload) < _STATUS.size:
        raise FrameError("an answer without a status")
    number = int(_STATUS.unpack_from(payload)[0])
    if not 200 <= number <= 599:
        raise FrameError(f"an answer with status {number}")
    return number, payload[_STATUS.size :]


def read_cancel(payload: bytes) -> Cancel:
    """Return why a stream was ended; a reason of a later version counts as UNWANTED."""
    try:
        return Cancel(payload[0])
    except ValueError:
        return Cancel.UNWANTED


class FrameReader:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_between(self) -> bool:
        """Whether no frame has begun."""
        return not self._rest

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole by now; FrameError on what is none."""
        if self._rest:
            data = self._rest + data
        at, size, found = 0, len(data), []
        while size - at >= _HEADER.size:
            number, flags, stream, length = _HEADER.unpack_from(data, at)
            kind = _check(number, flags, stream, length)
            end = at + _HEADER.size + length
            if end > size:
                break
            found.append(Frame(kind, bool(flags), stream, data[at + _HEADER.size : end]))
            at = end
        self._rest = data[at:] if at else data
        return found


def _check(number: int, flags: int, stream: int, length: int) -> FrameKind:
    kind = _KINDS.get(number)
    if kind is None:
        raise FrameError(f"a frame of the unknown kind {number}")
    if flags > (END if kind in _MAY_END else 0):
        raise FrameError(f"flags {flags} in {kind.name}")
    if (stream == 0) == (kind in _OF_STREAMS) or stream > LARGEST_STREAM:
        raise FrameError(f"{kind.name} on stream {stream}")
    if length > FRAME_BYTES or (kind is FrameKind.GOAWAY and length > 4 + _LONGEST_REASON):
        raise FrameError(f"{kind.name} of {length} bytes")
    if length != _LENGTHS.get(kind, length):
        raise FrameError(f"{kind.name} of {length} bytes")
    if kind is FrameKind.MORE and not length:
        raise FrameError("MORE without bytes")
    return kind
