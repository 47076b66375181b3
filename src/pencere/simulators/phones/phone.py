"""A phone as its owner meets it: what it asks, and what happens to the answer."""

from dataclasses import dataclass

from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError, Refused
from pencere.simulators.phones.link import Link, Request
from pencere.simulators.phones.sim import PURPOSES, Card, Purpose, Sim


@dataclass(frozen=True)
class Screen:
    """What the phone shows now."""

    card: Card
    is_connected: bool
    request: Request | None
    further: int
    tries_left: dict[Purpose, int]
    seconds_left: int

    @property
    def blocked(self) -> list[Purpose]:
        """The keys whose PIN is blocked."""
        return [purpose for purpose in PURPOSES if self.tries_left[purpose] == 0]

    @property
    def state(self) -> str:
        """A word that changes when there is something else to show."""
        shown = self.request.id if self.request else "idle"
        return " ".join([shown, "on" if self.is_connected else "off", *self.blocked])


class Phone:
    """One person's phone."""

    def __init__(self, sim: Sim, link: Link, clock: Clock) -> None:
        self.name = sim.card.name
        self.sim = sim
        self.link = link
        self._clock = clock

    def screen(self) -> Screen:
        """Return what is shown: the newest request first, as it is the one just asked for."""
        now = self._clock.now()
        waiting = self.link.requests(now)
        request = waiting[-1] if waiting else None
        return Screen(
            self.sim.card,
            self.link.is_connected,
            request,
            max(len(waiting) - 1, 0),
            {purpose: self.sim.tries_left(purpose) for purpose in PURPOSES},
            int((request.expires_at - now).total_seconds()) if request else 0,
        )

    def confirm(self, identifier: str, pin: str) -> None:
        """Sign what was asked.

        Raises:
            Missing, Conflict: `request.over`. Unavailable: `phone.offline`.
            Refused: `pin.wrong`, `pin.blocked` (the request is then answered so),
                `request.refused`.
        """
        request = self.link.find(identifier, self._clock.now())
        try:
            signature = self.sim.sign(request.purpose, pin, request.digest, request.hash_type)
        except Refused as error:
            if error.code == "pin.blocked":
                self._tell_blocked(request)
            raise
        self.link.answer(request, "OK", signature)

    def cancel(self, identifier: str) -> None:
        """Refuse what was asked."""
        request = self.link.find(identifier, self._clock.now())
        self.link.answer(request, "USER_CANCELLED")

    def _tell_blocked(self, request: Request) -> None:
        try:
            self.link.answer(request, "SIM_ERROR")
        except PencereError:
            return  # the request ends by its time; the person is told of the PIN all the same
