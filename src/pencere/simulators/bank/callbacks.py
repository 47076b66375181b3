"""Telling the merchant what happened, again and again until it says that it has heard."""

import logging
import threading
from collections.abc import Callable

import requests

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import Clock
from pencere.simulators.bank.orders import Notice, Order, OrderBook
from pencere.simulators.bank.signing import sign

log = logging.getLogger(__name__)

TIMEOUT_S = 10
LONGEST_PAUSE_S = 300


def callback_body(order: Order) -> bytes:
    """Return the canonical JSON of the event of a settled order."""
    notice = _notice(order)
    return canonical_json(
        {
            "amount": order.amount,
            "at": notice.at,
            "currency": order.currency,
            "event": notice.event,
            "merchant": order.merchant,
            "order": order.order,
            "payment": order.payment,
            "state": order.state,
        }
    )


def pause_after(attempts: int) -> int:
    """Return the seconds to wait after so many failed tries: 1, 2, 4 ... 300."""
    return min(1 << min(attempts, 10), LONGEST_PAUSE_S)


class CallbackSender:
    """A thread that sends what is due. `nudge` makes it look at once."""

    def __init__(
        self,
        *,
        book: OrderBook,
        secret: str,
        clock: Clock,
        poll_s: float = 1.0,
        post: Callable[..., requests.Response] = requests.post,
    ) -> None:
        self._book, self._secret, self._clock, self._poll_s = book, secret, clock, poll_s
        self._post = post
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bank-callbacks", daemon=True)

    def start(self) -> None:
        """Start sending, beginning with what an earlier process left unacknowledged."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the try under way."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=TIMEOUT_S + 1)

    def nudge(self) -> None:
        """Look for due callbacks now."""
        self._wake.set()

    def send_due(self) -> int:
        """Try each due callback once; return how many were acknowledged."""
        return sum(self._send(order) for order in self._book.due(now=self._now()))

    def _send(self, order: Order) -> bool:
        notice = _notice(order)
        body, timestamp = callback_body(order), self._now()
        headers = {
            "Content-Type": "application/json",
            "Pencere-Pay-Timestamp": str(timestamp),
            "Pencere-Pay-Signature": sign(
                secret=self._secret, kind="callback", timestamp=timestamp, body=body
            ),
        }
        try:
            answer = self._post(
                order.callback_url, data=body, headers=headers, timeout=TIMEOUT_S,
                allow_redirects=False,
            )  # fmt: skip
            acknowledged, detail = answer.ok, str(answer.status_code)
        except requests.RequestException as error:
            acknowledged, detail = False, type(error).__name__
        pause = pause_after(notice.attempts)
        self._book.attempted(order, acknowledged=acknowledged, next_attempt_at=self._now() + pause)
        log.info(
            "callback_tried event=%s acknowledged=%s answer=%s",
            notice.event, acknowledged, detail,
        )  # fmt: skip
        return acknowledged

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.send_due()
            except Exception:
                log.exception("callback_round_failed")
            self._wake.wait(self._poll_s)
            self._wake.clear()


def _notice(order: Order) -> Notice:
    if order.notice is None:
        raise ValueError("an order that is not settled has no callback")
    return order.notice
