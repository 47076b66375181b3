"""What arrived, newest first, in one file of the simulator's own folder."""

import json
import secrets
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

KEPT = 200

Kind = Literal["mail", "text"]
State = Literal["arrived", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `reference` is the sender's name for it; `at` is in Unix seconds.

    While `report_to` is not empty its sender is still to be told of `state`: next at `report_at`.
    """

    id: str
    kind: Kind
    reference: str
    sender: str
    to: str
    subject: str
    text: str
    at: int
    state: State = "arrived"
    report_to: str = ""
    report_at: int = 0
    reports: int = 0


class Box:
    """All letters. Threads share it: SMTP has one of its own, reports another."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._lock = folder / "letters.json", threading.Lock()
        self._letters: list[Letter] = []
        if self._file.exists():
            found = json.loads(self._file.read_text("utf-8"))
            self._letters = [Letter(**each) for each in found]

    def put(self, letter: Letter) -> Letter:
        """Keep a letter. A text that came before under its reference is that one."""
        with self._lock:
            if letter.kind == "text":
                for one in self._letters:
                    if one.kind == "text" and one.reference == letter.reference:
                        return one
            self._letters = [letter, *self._letters][:KEPT]
            self._save()
        return letter

    def letters(self) -> list[Letter]:
        """Return all, newest first."""
        with self._lock:
            return list(self._letters)

    def due(self, *, now: int) -> list[Letter]:
        """Return the letters whose sender is to be told now."""
        return [one for one in self.letters() if one.report_to and one.report_at <= now]

    def reported(self, letter: Letter, *, acknowledged: bool, next_at: int) -> None:
        """Note that the sender was told, or is to be told again."""
        changed = replace(
            letter,
            report_to="" if acknowledged else letter.report_to,
            report_at=next_at,
            reports=letter.reports + 1,
        )
        with self._lock:
            self._letters = [changed if one.id == letter.id else one for one in self._letters]
            self._save()

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps([asdict(one) for one in self._letters]), encoding="utf-8")
        new.replace(self._file)


def new_id() -> str:
    """Return the name of a letter in this box."""
    return secrets.token_hex(8)
