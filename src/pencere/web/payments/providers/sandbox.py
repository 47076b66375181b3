"""The adapter of the sandbox bank (`pencere.simulators.bank`). docs/specs/payments.md."""

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused, Unavailable
from pencere.web.payments.providers.protocol import Line, Notice, Order, Standing
from pencere.web.payments.providers.signing import Kind, Secret

MERCHANT = "pencere"
CURRENCY = "AZN"
TIMEOUTS_S = (3.05, 10)


class SandboxBank:
    """Implements `Provider`."""

    name = "bank"

    def __init__(self, *, address: str, secret: str) -> None:
        self._address, self._secret = address, Secret(secret)
        self._session = requests.Session()
        # Only a connection that was never made is tried again: nothing has been said on it.
        retry = Retry(total=None, connect=2, read=0, redirect=0, status=0, backoff_factor=0.2)
        self._session.mount("http", HTTPAdapter(max_retries=retry))

    def redirect(self, order: Order, *, at: datetime) -> str:
        """Return `<bank>/pay?request=...&signature=...`."""
        timestamp = int(at.timestamp())
        body = canonical_json(
            {
                "amount": order.amount,
                "callback_url": order.callback_url,
                "currency": CURRENCY,
                "description": dict(order.description),
                "expires_at": int(order.expires_at.timestamp()),
                "issued_at": timestamp,
                "language": order.language,
                "merchant": MERCHANT,
                "order": str(order.charge),
                "return_url": order.return_url,
            }
        )
        signature = self._secret.sign("request", timestamp=timestamp, body=body)
        encoded = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
        return f"{self._address}/pay?" + urlencode({"request": encoded, "signature": signature})

    def read_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        """Return the notice of a signed callback."""
        self._verify("callback", headers, body, at=at)
        said = _parse(body)
        if said.get("merchant") != MERCHANT:
            raise Invalid("payment.malformed")
        return _notice(said)

    def ask(self, charge: uuid.UUID, *, at: datetime) -> Standing:
        """Ask `/status`."""
        answer = self._post("/status", "status", {"order": str(charge)}, at=at)
        said = self._answer(answer, at=at)
        if said.get("state") == "unknown":
            return Standing(known=False, notice=None)
        if said.get("state") in {"waiting", "expired"}:
            return Standing(known=True, notice=None)
        return Standing(known=True, notice=_notice(said))

    def refund(self, *, charge: uuid.UUID, refund: uuid.UUID, amount: int, at: datetime) -> None:
        """Ask `/refunds`."""
        asked = {"amount": amount, "order": str(charge), "refund": str(refund)}
        answer = self._post("/refunds", "refund", asked, at=at)
        self._answer(answer, at=at)

    def statement(self, *, begin: datetime, end: datetime, at: datetime) -> tuple[Line, ...]:
        """Ask `/statement`."""
        asked = {"begin": int(begin.timestamp()), "end": int(end.timestamp())}
        said = self._answer(self._post("/statement", "statement", asked, at=at), at=at)
        if {name: said.get(name) for name in asked} != asked:
            raise Invalid("payment.malformed")
        lines = said.get("lines")
        if not isinstance(lines, list):
            raise Invalid("payment.malformed")
        return tuple(_line(line) for line in lines)

    def _post(
        self, path: str, kind: Kind, asked: Mapping[str, Any], *, at: datetime
    ) -> requests.Response:
        body, timestamp = canonical_json({**asked, "merchant": MERCHANT}), int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "Pencere-Pay-Timestamp": str(timestamp),
            "Pencere-Pay-Signature": self._secret.sign(kind, timestamp=timestamp, body=body),
        }
        try:
            answer = self._session.post(
                self._address + path, data=body, headers=headers, timeout=TIMEOUTS_S
            )
        except requests.RequestException as error:
            raise Unavailable("payment.unavailable", provider=self.name) from error
        if answer.status_code >= 500:
            raise Unavailable("payment.unavailable", provider=self.name)
        return answer

    def _answer(self, answer: requests.Response, *, at: datetime) -> dict[str, Any]:
        if not answer.ok:
            raise Refused("payment.refused", provider=self.name, status=answer.status_code)
        self._verify("answer", answer.headers, answer.content, at=at)
        return _parse(answer.content)

    def _verify(self, kind: Kind, headers: Mapping[str, str], body: bytes, *, at: datetime) -> None:
        self._secret.verify(
            kind,
            timestamp=headers.get("Pencere-Pay-Timestamp", ""),
            signature=headers.get("Pencere-Pay-Signature", ""),
            body=body,
            at=at,
        )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError as error:
        raise Invalid("payment.malformed") from error
    if not isinstance(said, dict):
        raise Invalid("payment.malformed")
    return said


def _notice(said: Mapping[str, Any]) -> Notice:
    try:
        charge = uuid.UUID(said["order"])
        outcome, amount, event = said["state"], said["amount"], said["event"]
        reference = said["payment"]
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise Invalid("payment.malformed") from error
    texts = isinstance(event, str) and isinstance(reference, str)
    if outcome not in {"paid", "failed", "cancelled"} or not texts or type(amount) is not int:
        raise Invalid("payment.malformed")
    if said.get("currency") != CURRENCY:
        raise Invalid("payment.malformed")
    return Notice(event=event, charge=charge, outcome=outcome, amount=amount, reference=reference)


def _line(said: object) -> Line:
    if not isinstance(said, dict) or said.get("kind") not in {"payment", "refund"}:
        raise Invalid("payment.malformed")
    texts = [said.get(name) for name in ("number", "order", "payment")]
    numbers = [said.get(name) for name in ("amount", "at")]
    if not all(isinstance(text, str) for text in texts):
        raise Invalid("payment.malformed")
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise Invalid("payment.malformed")
    return Line(
        kind=said["kind"],
        number=said["number"],
        charge=said["order"],
        amount=said["amount"],
        reference=said["payment"],
        at=datetime.fromtimestamp(said["at"], UTC),
    )
