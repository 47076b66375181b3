"""Orders of merchants, kept as one JSON file each and replaced whole by a rename.

A file is written beside its place, flushed and renamed: after a kill -9 the order is either as it
was before or as it is after, never half of each.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Missing, Refused

WAITING, PAID, FAILED, CANCELLED, EXPIRED = "waiting", "paid", "failed", "cancelled", "expired"
OUTCOMES = (PAID, FAILED, CANCELLED)


@dataclass(frozen=True)
class Notice:
    """A callback that the merchant has not acknowledged, or has."""

    event: str
    at: int  # Unix seconds
    acknowledged: bool = False
    attempts: int = 0
    next_attempt_at: int = 0  # Unix seconds


@dataclass(frozen=True)
class Order:
    """What a merchant asked for and what became of it. Amounts are integer qəpik."""

    payment: str  # the bank's own, unguessable; also the capability to open the page
    order: str  # the merchant's
    merchant: str
    amount: int
    currency: str
    description: dict[str, str]
    language: str
    return_url: str
    callback_url: str
    expires_at: int  # Unix seconds
    request_sha256: str
    state: str = WAITING
    refunds: dict[str, int] = field(default_factory=dict)  # refund id -> amount
    refunded_at: dict[str, int] = field(default_factory=dict)  # refund id -> Unix seconds
    notice: Notice | None = None


class OrderBook:
    """All orders of one folder. Safe between threads of one process; one process a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in folder.glob("*.new"):
            leftover.unlink()
        self._orders = {
            order.order: order for order in (_read(file) for file in folder.glob("*.json"))
        }
        self._by_payment = {order.payment: order.order for order in self._orders.values()}

    def open(self, request: Mapping[str, Any], *, body: bytes, now: int) -> Order:
        """Return the order of a verified request, made at first sight.

        Raises:
            Refused: "order.expired".
            Conflict: "order.changed": the merchant used the number for something else before.
        """
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            known = self._orders.get(request["order"])
            if known is not None:
                if known.amount != request["amount"] or known.merchant != request["merchant"]:
                    raise Conflict("order.changed")
                return known
            if request["expires_at"] <= now:
                raise Refused("order.expired")
            order = Order(
                payment=secrets.token_urlsafe(24),
                order=request["order"],
                merchant=request["merchant"],
                amount=request["amount"],
                currency=request["currency"],
                description=dict(request["description"]),
                language=request["language"],
                return_url=request["return_url"],
                callback_url=request["callback_url"],
                expires_at=request["expires_at"],
                request_sha256=digest,
            )
            self._put(order)
            return order

    def of_payment(self, payment: str) -> Order:
        """Return the order with the bank's own number, else raise Missing("order.unknown")."""
        with self._lock:
            number = self._by_payment.get(payment)
            if number is None:
                raise Missing("order.unknown")
            return self._orders[number]

    def of_merchant(self, *, merchant: str, order: str) -> Order | None:
        """Return the merchant's order, or None if it was never opened."""
        with self._lock:
            found = self._orders.get(order)
            return found if found is not None and found.merchant == merchant else None

    def settle(self, payment: str, *, outcome: str, now: int) -> Order:
        """Record what the person chose; a second choice changes nothing.

        Raises:
            Refused: "order.expired".
        """
        order = self.of_payment(payment)
        with self._lock:
            order = self._orders[order.order]
            if order.state != WAITING:
                return order
            if order.expires_at <= now:
                order = replace(order, state=EXPIRED)
                self._put(order)
                raise Refused("order.expired")
            notice = Notice(event=f"evt_{secrets.token_hex(12)}", at=now, next_attempt_at=now)
            order = replace(order, state=outcome, notice=notice)
            self._put(order)
            return order

    def refund(self, *, merchant: str, order: str, refund: str, amount: int, now: int) -> Order:
        """Give money back, once for each refund number.

        Raises:
            Missing: "order.unknown".
            Conflict: "refund.not-paid", "refund.changed" or "refund.too-much".
        """
        with self._lock:
            found = self._orders.get(order)
            if found is None or found.merchant != merchant:
                raise Missing("order.unknown")
            if refund in found.refunds:
                if found.refunds[refund] != amount:
                    raise Conflict("refund.changed")
                return found
            if found.state != PAID:
                raise Conflict("refund.not-paid")
            if amount <= 0 or sum(found.refunds.values()) + amount > found.amount:
                raise Conflict("refund.too-much")
            found = replace(
                found,
                refunds={**found.refunds, refund: amount},
                refunded_at={**found.refunded_at, refund: now},
            )
            self._put(found)
            return found

    def statement(self, *, merchant: str, begin: int, end: int) -> list[dict[str, Any]]:
        """Return the money of a merchant that moved in [begin, end), in the order it did."""
        lines: list[dict[str, Any]] = []
        with self._lock:
            for order in self._orders.values():
                if order.merchant != merchant or order.state != PAID or order.notice is None:
                    continue
                about = {"order": order.order, "payment": order.payment}
                lines.append(
                    {**about, "kind": "payment", "number": order.order,
                     "amount": order.amount, "at": order.notice.at}
                )  # fmt: skip
                lines += [
                    {**about, "kind": "refund", "number": number, "amount": amount,
                     "at": order.refunded_at.get(number, order.notice.at)}
                    for number, amount in order.refunds.items()
                ]  # fmt: skip
        lines = [line for line in lines if begin <= line["at"] < end]
        return sorted(lines, key=lambda line: (line["at"], line["number"]))

    def due(self, *, now: int) -> list[Order]:
        """Return the orders whose callback should be tried now, oldest first."""
        with self._lock:
            waiting = [
                order
                for order in self._orders.values()
                if order.notice is not None
                and not order.notice.acknowledged
                and order.notice.next_attempt_at <= now
            ]
        return sorted(waiting, key=lambda order: order.notice.at if order.notice else 0)

    def attempted(self, order: Order, *, acknowledged: bool, next_attempt_at: int) -> None:
        """Record one try of a callback."""
        with self._lock:
            current = self._orders[order.order]
            if current.notice is None:
                return
            notice = replace(
                current.notice,
                acknowledged=acknowledged,
                attempts=current.notice.attempts + 1,
                next_attempt_at=next_attempt_at,
            )
            self._put(replace(current, notice=notice))

    def _put(self, order: Order) -> None:
        name = hashlib.sha256(order.order.encode()).hexdigest()
        new = self._folder / f"{name}.new"
        with new.open("wb") as file:
            file.write(canonical_json(asdict(order)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / f"{name}.json")
        self._orders[order.order] = order
        self._by_payment[order.payment] = order.order


def _read(file: Path) -> Order:
    value = json.loads(file.read_bytes())
    notice = value.pop("notice")
    return Order(**value, notice=None if notice is None else Notice(**notice))
