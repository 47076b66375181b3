"""How much waits, how much is dead, and since when the oldest waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages, or events, of one database."""

    waiting: int = 0
    dead: int = 0
    oldest: datetime | None = None

    @classmethod
    def of(cls, rows: Iterable[Any]) -> "Backlog":
        """Return it from asyncpg's rows of `state`, `count` and `oldest`."""
        found = {row["state"]: row for row in rows}
        waiting, dead = found.get("waiting"), found.get("dead")
        return cls(
            waiting["count"] if waiting else 0,
            dead["count"] if dead else 0,
            waiting["oldest"] if waiting else None,
        )

    def oldest_s(self, now: datetime) -> float:
        """Return for how long the oldest waits; 0 when none does."""
        return max((now - self.oldest).total_seconds(), 0.0) if self.oldest is not None else 0.0
