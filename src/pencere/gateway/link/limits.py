"""What one end of a link takes of the other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What one end takes of the other. Seconds and bytes.

    `unfinished_bytes` is what all messages on their way may hold of memory, one largest message
    aside.
    """

    message_bytes: int = 16 * 1024 * 1024
    unfinished_bytes: int = 64 * 1024 * 1024
    stream_bytes: int = 1024 * 1024
    streams: int = 1024
    piece_s: float = 60.0
    write_s: float = 60.0
    idle_s: float = 120.0
    ping_s: float = 5.0
    dead_s: float = 10.0
    suspect_s: float = 1.0
