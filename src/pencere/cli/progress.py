"""How long work is shown: bars on a terminal, lines otherwise, JSON lines down a pipe.

`up --detach` does its work in a process of its own, which writes JSON lines; the one that was
called shows them by `relay` until everything runs.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol


class Progress(Protocol):
    """Who is told of the steps. Steps come one after another, none inside another."""

    def begin(self, step: str) -> None:
        """A step starts."""

    def advance(self, done: int, total: int) -> None:
        """The running step has done so many of so many; 0: nobody knows of how many."""

    def end(self, outcome: str) -> None:
        """The running step is over; `outcome` is a few words, or empty."""

    def say(self, line: str) -> None:
        """Something worth a line happened outside a step."""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[list[str]]:
    """Report one step; what is put into the list becomes its outcome."""
    outcome: list[str] = []
    progress.begin(name)
    yield outcome
    progress.end(", ".join(outcome))


class Lines:
    """One line a step; for logs, pipes and dumb terminals."""

    def __init__(self, output: IO[str] | None = None) -> None:
        self._output = output or sys.stdout
        self._step, self._began, self._said = "", 0.0, 0.0

    def begin(self, step: str) -> None:
        """Remember the step; it is printed when it is over."""
        self._step = step
        self._began = self._said = time.monotonic()

    def advance(self, done: int, total: int) -> None:
        """Print how far it is, every few seconds."""
        if time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            self.say(f"  {self._step}: {done}{f' of {total}' if total else ''}")

    def end(self, outcome: str) -> None:
        """Print the step with what came of it."""
        took = time.monotonic() - self._began
        self.say(f"{self._step}{': ' + outcome if outcome else ''} ({took:.1f} s)")

    def say(self, line: str) -> None:
        """Print the line at once. That nobody reads it any more ends no platform."""
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self._output, flush=True)


class Bars:
    """A bar for the running step, a line for each that is over."""

    def __init__(self) -> None:
        # Costs 60 ms, and only a terminal needs it.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._console = console = Console(highlight=False)

        def make() -> Progress:
            return Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )

        self._make = make
        self._lines = Lines()
        self._bars = make()
        self._task = self._bars.add_task("", total=None)

    def begin(self, step: str) -> None:
        """Show the bar."""
        self._lines.begin(step)
        self._bars = self._make()
        self._task = self._bars.add_task(step, total=None)
        self._bars.start()

    def advance(self, done: int, total: int) -> None:
        """Move the bar."""
        self._bars.update(self._task, completed=done, total=total or None)

    def end(self, outcome: str) -> None:
        """Put a line in place of the bar."""
        self._bars.stop()
        self._lines.end(outcome)

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        self._console.print(line, markup=False, soft_wrap=True)


class Pipe:
    """JSON lines to a file descriptor, until its reader has gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def begin(self, step: str) -> None:
        """Send it."""
        self._send("begin", step)

    def advance(self, done: int, total: int) -> None:
        """Send it."""
        self._send("advance", done, total)

    def end(self, outcome: str) -> None:
        """Send it."""
        self._send("end", outcome)

    def say(self, line: str) -> None:
        """Send it."""
        self._send("say", line)

    def close(self) -> None:
        """Let the reader go: there is nothing more to show."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _send(self, *message: object) -> None:
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            self.close()


def relay(source: IO[str], progress: Progress) -> None:
    """Show what a `Pipe` sends, until it is closed."""
    for line in source:
        match json.loads(line):
            case ["begin", str(name)]:
                progress.begin(name)
            case ["advance", int(done), int(total)]:
                progress.advance(done, total)
            case ["end", str(outcome)]:
                progress.end(outcome)
            case ["say", str(text)]:
                progress.say(text)
            case _:
                raise ValueError(line)


def for_terminal() -> Progress:
    """Return bars when a person watches, lines otherwise."""
    return Bars() if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else Lines()
