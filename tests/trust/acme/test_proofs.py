"""Proofs that a machine holds its names: HTTP-01 as hostile machines answer it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.trust.acme.client import ERROR, Client, key_request, signed, wait_until
from tests.trust.acme.listener import Machine

from pencere.trust.acme.enrolment import names_of
from pencere.trust.acme.identifiers import Identifier


def failed(system: Client, machine: Machine, name: str) -> dict[str, Any]:
    order = system.acme.new_order(key_request([name]))
    system.prove(order, machine)
    url = order.authorizations[0].uri
    shown = wait_until(system, url, "invalid")
    assert signed(system, order.uri, None).json()["status"] == "invalid"
    return dict(shown["challenges"][0]["error"])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            lambda h: (
                h.send_response(302),
                h.send_header("Location", "http://127.0.0.1/"),
                h.end_headers(),
            ),
            "unauthorized",
        ),
        (lambda h: (h.send_response(404), h.end_headers()), "unauthorized"),
        (
            lambda h: (h.send_response(200), h.end_headers(), h.wfile.write(b"x" * 4000)),
            "incorrectResponse",
        ),
        (
            lambda h: (h.send_response(200), h.end_headers(), h.wfile.write(b"wrong")),
            "incorrectResponse",
        ),
        (
            lambda h: (h.send_response(200), h.send_header("X", "y" * 60_000), h.end_headers()),
            "connection",
        ),
        (lambda h: h.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"), "connection"),
        (lambda h: h.wfile.write(b""), "connection"),
    ],
)
def test_a_machine_that_answers_otherwise_proves_nothing(
    resident: Client, machine: Machine, answer: Callable[[Any], object], kind: str
) -> None:
    machine.answer = answer

    assert failed(resident, machine, "127.0.0.1")["type"] == ERROR + kind


def test_a_machine_that_is_slow_proves_nothing(resident: Client, machine: Machine) -> None:
    machine.answer = lambda _: time.sleep(4)

    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    time.sleep(3.2)
    shown = wait_until(resident, order.authorizations[0].uri, "invalid")

    assert shown["challenges"][0]["error"]["type"] == ERROR + "connection"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("outside.dyp.az", "dns"), ("nowhere.dyp.az", "dns")],
)
def test_a_name_that_leads_elsewhere_is_not_visited(
    resident: Client, machine: Machine, name: str, kind: str
) -> None:
    found = failed(resident, machine, name)

    assert (found["type"], machine.hosts) == (ERROR + kind, [])


def test_each_address_of_a_name_is_tried(resident: Client, machine: Machine) -> None:
    leaf, _ = resident.obtain(["two.dyp.az"], machine)

    assert names_of(leaf) == {Identifier("dns", "two.dyp.az")}
