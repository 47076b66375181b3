"""The request that finalizes an order: PKCS#10, and exactly what was ordered."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.trust.acme.client import ERROR, Client, b64, der, key_request, signed, wait_until
from tests.trust.acme.listener import Machine


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda _: b"\x30\x03\x02\x01\x00", "badCSR"),
        (lambda _: b"\x30\x84\xff\xff\xff\xff", "badCSR"),
        (lambda _: b"x" * 20_000, "badCSR"),
        (lambda _: der(key_request(["127.0.0.1", "rms.dyp.az"])), "badCSR"),
        (lambda _: der(key_request(["rms.dyp.az"])), "badCSR"),
        (lambda _: der(key_request([])), "badCSR"),
        (
            lambda _: der(
                key_request(
                    ["127.0.0.1"], extensions=[x509.BasicConstraints(ca=True, path_length=None)]
                )
            ),
            "badCSR",
        ),
        (lambda _: der(key_request(["127.0.0.1"], extensions=[x509.OCSPNoCheck()])), "badCSR"),
        (
            lambda _: der(
                key_request(
                    ["127.0.0.1"],
                    subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dyp.az")]),
                )
            ),
            "badCSR",
        ),
        (lambda s: der(key_request(["127.0.0.1"], key=s.key.key._wrapped)), "badCSR"),
        (
            lambda _: der(key_request(["127.0.0.1"], key=ec.generate_private_key(ec.SECP521R1()))),
            "badPublicKey",
        ),
        (
            lambda _: der(key_request(["127.0.0.1"], key=rsa.generate_private_key(65537, 2048))),
            "badPublicKey",
        ),
        (lambda _: broken(der(key_request(["127.0.0.1"]))), "badCSR"),
    ],
)
def test_a_request_that_is_not_the_order_is_refused_and_the_order_stays(
    resident: Client, machine: Machine, make: Callable[[Client], bytes], kind: str
) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    wait_until(resident, order.uri, "ready")

    answer = signed(resident, order.body.finalize, {"csr": b64(make(resident))})

    assert (answer.status_code, answer.json()["type"]) == (400, ERROR + kind)
    assert signed(resident, order.uri, None).json()["status"] == "ready"


def broken(encoded: bytes) -> bytes:
    return encoded[:-1] + bytes([encoded[-1] ^ 1])
