"""A phone as its owner meets it: what it asks, and what happens to the answer."""

from dataclasses import dataclass

from pencere.kernel.clock import Clock
from pencere.simulators.phones.enrolling import Enrolling
from pencere.simulators.phones.link import Link, Request
from pencere.simulators.phones.sim import PURPOSES, Card, Pins, Purpose
from pencere.simulators.phones.split import SplitSim
from pencere.simulators.phones.vault import Half

RENEWED_WITHIN_DAYS = 30


@dataclass(frozen=True)
class Screen:
    """What the phone shows now."""

    card: Card
    is_connected: bool
    request: Request | None
    further: int
    tries_left: dict[Purpose, int]
    puk_left: int
    seconds_left: int
    days_left: int

    @property
    def blocked(self) -> list[Purpose]:
        """The keys whose PIN is blocked."""
        return [purpose for purpose in PURPOSES if self.tries_left[purpose] == 0]

    @property
    def is_puk_blocked(self) -> bool:
        """Whether only the registration authority can help."""
        return self.puk_left == 0

    @property
    def is_renewable(self) -> bool:
        """Whether new certificates can be had on the word of the present ones."""
        return 0 <= self.days_left <= RENEWED_WITHIN_DAYS

    @property
    def state(self) -> str:
        """A word that changes when there is something else to show."""
        shown = self.request.id if self.request else "idle"
        words = [shown, "on" if self.is_connected else "off", *self.blocked]
        return " ".join([*words, "puk"] if self.is_puk_blocked else words)


class Phone:
    """One person's phone."""

    def __init__(self, sim: SplitSim, link: Link, clock: Clock, enrolling: Enrolling) -> None:
        self.name = sim.card.name
        self._enrolling = enrolling
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
            self.sim.tries_left("puk"),
            int((request.expires_at - now).total_seconds()) if request else 0,
            (self.sim.certificate.not_valid_after_utc - now).days,
        )

    def confirm(self, identifier: str, pin: str) -> None:
        """Sign what was asked.

        Raises:
            Missing, Conflict: `request.over`. Unavailable: `phone.offline`.
            Refused: `pin.wrong`, `pin.blocked` (the request is then answered so),
                `request.refused`.
        """
        request = self.link.find(identifier, self._clock.now())
        signature = self.sim.sign(
            request.purpose,
            pin,
            request.digest,
            request.hash_type,
            lambda purpose, proof: self.link.pin(purpose, proof, request),
        )
        self.link.answer(request, "OK", signature)

    def cancel(self, identifier: str) -> None:
        """Refuse what was asked."""
        request = self.link.find(identifier, self._clock.now())
        self.link.answer(request, "USER_CANCELLED")

    def unblock(self, purpose: Purpose, puk: str, pin: str) -> None:
        """Give a key a new PIN by the PUK.

        Raises:
            Refused: `puk.wrong`, `puk.blocked`. Invalid: `pin.form`. Unavailable: `phone.offline`.
        """

        def tell(proof: bytes, half: Half) -> None:
            self.link.new_pin(purpose, proof, half)

        self.sim.unblock(purpose, puk, pin, self.link.puk, tell)

    def renew_puk(self, code: str, pins: Pins) -> None:
        """Set a new PUK with a code of the registration authority and both PINs.

        Raises:
            Refused: `pin.wrong`, `pin.blocked`, `enrolment.code`, `enrolment.blocked`,
                `enrolment.expired`, `enrolment.used`. Invalid: `puk.form`.
        """

        def tell(proofs: dict[Purpose, bytes], half: Half) -> None:
            self.link.new_puk(code, proofs, half)

        typed: dict[Purpose, str] = {"authentication": pins.pin1, "signature": pins.pin2}
        self.sim.renew_puk(typed, pins.puk, self.link.pin, tell)

    def renew(self, pins: Pins) -> None:
        """Get new keys certified on the word of the present ones.

        Raises:
            Refused: `pin.wrong`, `pin.blocked`, `pin.other`, `renewal.early`,
                `renewal.certificate`. Unavailable: `phone.offline`.
        """
        key = self.sim.unlock("authentication", pins.pin1, self.link.pin)
        self.sim.unlock("signature", pins.pin2, self.link.pin)
        answer = self._enrolling.renew(
            self.sim.card.device or "", self.sim.prepare_renewal(pins), key
        )
        self.sim.take_renewal(
            device=answer.device,
            authentication=answer.authentication,
            signature=answer.signature,
        )
        self.link.reopen()
