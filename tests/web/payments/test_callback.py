"""The address a provider calls back."""

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.payments.providers.sandbox import SandboxBank
from pencere.web.people.models.person import Person


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "payment.forged"),
        ({"Pencere-Pay-Timestamp": "1", "Pencere-Pay-Signature": "v1=0"}, 403, "payment.forged"),
    ],
    ids=["unsigned", "forged"],
)
def test_who_cannot_sign_is_refused(
    payer: Person,
    clock: FixedClock,
    provider: SandboxBank,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = Client().post(
        "/payments/callback/bank", b"{}", content_type="application/json", headers=headers
    )

    assert (answer.status_code, answer.json()) == (status, {"error": code})


def test_a_body_without_end_is_refused(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    answer = Client().post(
        "/payments/callback/bank", b"x" * 20_000, content_type="application/json"
    )

    assert answer.status_code == 403
