"""Orders: what may be asked for, by whom, and the certificate at the end. RFC 8555 section 7.4."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from acme import messages
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.acme.client import (
    ERROR,
    Client,
    b64,
    certificate_id,
    der,
    key_request,
    kind_of,
    signed,
    wait_until,
)
from tests.trust.acme.listener import Listener, Machine


def test_a_name_and_an_address_are_certified_for_the_body(
    system: Client, machine: Machine, listener: Listener
) -> None:
    leaf, above = system.obtain(["rms.dyp.az", "127.0.0.1"], machine)

    subject = {one.rfc4514_attribute_name: one.value for one in leaf.subject}
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (subject["2.5.4.97"], subject["O"]) == ("NTRAZ-dyp", "Baş Dövlət Yol Polisi İdarəsi")
    assert names.get_values_for_type(x509.DNSName) == ["rms.dyp.az"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=90)
    assert above == listener.centre.keystore.certificates("issuing-infrastructure")[0]


def test_a_deactivated_authorization_closes_its_order(resident: Client) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))

    resident.acme.deactivate_authorization(order.authorizations[0])

    shown = signed(resident, order.uri, None)
    assert shown.json()["status"] == "invalid"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["portal.idda.az"], "rejectedIdentifier"),
        (["10.1.2.3"], "rejectedIdentifier"),
        (["*.dyp.az"], "rejectedIdentifier"),
        (["dyp.az.evil.example"], "rejectedIdentifier"),
    ],
)
def test_names_beyond_the_binding_are_refused(
    resident: Client, names: list[str], kind: str
) -> None:
    with pytest.raises(messages.Error) as refused:
        resident.acme.new_order(key_request(names))

    assert kind_of(refused) == kind


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ({}, "malformed", 400),
        ({"identifiers": []}, "malformed", 400),
        ({"identifiers": [{"type": "dns", "value": "a" * 300}]}, "malformed", 400),
        ({"identifiers": [{"type": "dns", "value": "127.1"}]}, "malformed", 400),
        ({"identifiers": [{"type": "ip", "value": "127.1"}]}, "malformed", 400),
        ({"identifiers": [{"type": "ip", "value": "::ffff:127.0.0.1%lo"}]}, "malformed", 400),
        ({"identifiers": [{"type": "email", "value": "a@b"}]}, "unsupportedIdentifier", 400),
        ({"identifiers": [{"type": "dns", "value": 7}]}, "malformed", 400),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "profile": "seal"},
            "invalidProfile",
            400,
        ),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "notAfter": "2099-01-01"},
            "malformed",
            400,
        ),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "replaces": "AAAA.AAAA"},
            "malformed",
            404,
        ),
    ],
)
def test_orders_that_cannot_be_meant_are_refused(
    resident: Client, content: dict[str, Any], kind: str, status: int
) -> None:
    answer = signed(resident, "newOrder", content)

    assert (answer.status_code, answer.json()["type"]) == (status, ERROR + kind)


def test_an_order_that_is_not_proved_is_not_finalized(resident: Client) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))

    answer = signed(resident, order.body.finalize, {"csr": b64(der(key_request(["127.0.0.1"])))})

    assert (answer.status_code, answer.json()["type"]) == (403, ERROR + "orderNotReady")


def test_finalized_twice_gives_one_certificate(resident: Client, machine: Machine) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    wait_until(resident, order.uri, "ready")
    content = {"csr": b64(der(key_request(["127.0.0.1"])))}

    first = signed(resident, order.body.finalize, content)
    again = signed(resident, order.body.finalize, content)
    other = signed(resident, order.body.finalize, {"csr": b64(der(key_request(["127.0.0.1"])))})

    assert first.json()["certificate"] == again.json()["certificate"]
    assert other.json()["type"] == ERROR + "orderNotReady"
    chains = [signed(resident, first.json()["certificate"], None) for _ in range(2)]
    assert chains[0].content == chains[1].content
    assert chains[0].headers["Content-Type"] == "application/pem-certificate-chain"


def test_another_accounts_order_does_not_exist(make_client: Callable[..., Client]) -> None:
    order = make_client().acme.new_order(key_request(["127.0.0.1"]))
    stranger = make_client()

    urls = (order.uri, order.body.finalize, order.authorizations[0].uri)
    found = [
        signed(stranger, url, None if n != 1 else {"csr": b64(der(key_request(["127.0.0.1"])))})
        for n, url in enumerate(urls)
    ]

    assert [one.status_code for one in found] == [404, 404, 404]


def test_a_renewal_names_what_it_replaces_once(system: Client, machine: Machine) -> None:
    leaf, _ = system.obtain(["127.0.0.1"], machine)
    pem = leaf.public_bytes(Encoding.PEM)
    info = system.acme.renewal_time(pem)
    assert info[0] is not None

    identifier = certificate_id(leaf)
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "replaces": identifier}
    first = signed(system, "newOrder", content)
    second = signed(system, "newOrder", content)

    assert (first.status_code, first.json()["replaces"]) == (201, identifier)
    assert (second.status_code, second.json()["type"]) == (409, ERROR + "alreadyReplaced")
