"""Telling the sender of a text what became of it, until it says that it has heard."""

import logging
import threading

import requests

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import Clock
from pencere.simulators.post.box import Box, Letter
from pencere.simulators.post.signing import sign

log = logging.getLogger(__name__)

TIMEOUT_S = 10
LONGEST_PAUSE_S, MOST = 300, 20


def report_of(letter: Letter) -> bytes:
    """Return the canonical JSON of what is said of a text."""
    has_failed = letter.state == "failed"
    return canonical_json(
        {
            "at": letter.at,
            "problem": "absent" if has_failed else "",
            "reference": letter.reference,
            "status": "failed" if has_failed else "delivered",
        }
    )


class Reporter:
    """A thread that sends what is due."""

    def __init__(self, *, box: Box, secret: str, clock: Clock, poll_s: float = 0.5) -> None:
        self._box, self._secret, self._clock, self._poll_s = box, secret, clock, poll_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="post-reports", daemon=True)

    def start(self) -> None:
        """Start sending, beginning with what an earlier process left."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the try under way."""
        self._stop.set()
        self._thread.join(timeout=TIMEOUT_S + 1)

    def send_due(self) -> int:
        """Try each due report once; return how many were acknowledged."""
        return sum(self._send(letter) for letter in self._box.due(now=self._now()))

    def _send(self, letter: Letter) -> bool:
        body, timestamp = report_of(letter), self._now()
        headers = {
            "Content-Type": "application/json",
            "Pencere-Sms-Timestamp": str(timestamp),
            "Pencere-Sms-Signature": sign(
                secret=self._secret, kind="report", timestamp=timestamp, body=body
            ),
        }
        try:
            acknowledged = requests.post(
                letter.report_to, data=body, headers=headers, timeout=TIMEOUT_S,
                allow_redirects=False,
            ).ok  # fmt: skip
        except requests.RequestException:
            acknowledged = False
        is_over = acknowledged or letter.reports + 1 >= MOST
        pause = min(1 << min(letter.reports, 10), LONGEST_PAUSE_S)
        self._box.reported(letter, acknowledged=is_over, next_at=timestamp + pause)
        log.info("report_tried letter=%s acknowledged=%s", letter.id, acknowledged)
        return acknowledged

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _run(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self.send_due()
            except Exception:
                log.exception("report_round_failed")
