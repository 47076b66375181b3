"""Accounts: the bindings that open them, their keys, and their end. RFC 8555 section 7.3."""

import json
from collections.abc import Callable

import josepy
import pytest
from acme import client, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.trust.acme.client import (
    ERROR,
    Client,
    b64,
    jws,
    key_request,
    kind_of,
    open_client,
    signed,
)
from tests.trust.acme.listener import Listener, Machine

from pencere.trust.acme import bindings
from pencere.trust.acme.enrolment import names_of
from pencere.trust.acme.identifiers import Identifier


def test_an_account_with_an_rsa_key_works_too(
    make_client: Callable[..., Client], machine: Machine
) -> None:
    key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))

    leaf, _ = make_client(key).obtain(["127.0.0.1"], machine)

    assert names_of(leaf) == {Identifier("ip", "127.0.0.1")}


def test_the_key_of_an_account_is_changed(system: Client, machine: Machine) -> None:
    new = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    body = json.dumps(
        {"account": system.net.account.uri, "oldKey": system.key.public_key().to_json()}
    ).encode()
    inner = jws(new, body, system.acme.directory["keyChange"], jwk=new.public_key().to_json())

    changed = signed(system, "keyChange", inner)
    system.net.key = system.key = new
    leaf, _ = system.obtain(["127.0.0.1"], machine)

    assert (changed.status_code, changed.json()["status"]) == (200, "valid")
    assert leaf.issuer != leaf.subject


def test_a_deactivated_account_asks_for_nothing(system: Client) -> None:
    system.acme.deactivate_registration(system.net.account)

    with pytest.raises(messages.Error) as refused:
        system.acme.new_order(key_request(["127.0.0.1"]))

    assert kind_of(refused) == "unauthorized"


def bound(acme: client.ClientV2, key: josepy.JWK, kid: str, mac: str) -> messages.NewRegistration:
    external = messages.ExternalAccountBinding.from_data(key.public_key(), kid, mac, acme.directory)
    return messages.NewRegistration.from_data(external_account_binding=external)


def test_a_binding_opens_one_account_and_only_with_its_key(listener: Listener) -> None:
    binding, mac = listener.bind()
    outcomes = []
    for kid, secret in ((binding.id, b64(b"w" * 32)), ("nobody", mac), (binding.id, mac)):
        key = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        acme = open_client(listener, key)
        for _ in range(2):
            try:
                acme.net.account = None
                acme.new_account(bound(acme, key, kid, secret))
                outcomes.append("opened")
            except errors.ConflictError:
                outcomes.append("there")
            except messages.Error as error:
                outcomes.append(error.typ.removeprefix(ERROR))
        acme.net.session.close()
    other = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    acme = open_client(listener, other)
    with pytest.raises(messages.Error) as used:
        acme.new_account(bound(acme, other, binding.id, mac))
    acme.net.session.close()

    assert outcomes == ["unauthorized"] * 4 + ["opened", "there"]
    assert kind_of(used) == "unauthorized"


def test_an_ended_binding_gets_no_more_certificates(system: Client, listener: Listener) -> None:
    with listener.connect() as connection:
        bindings.end(connection, system.binding.id, at=listener.machines.clock.now())

    with pytest.raises(messages.Error) as refused:
        system.acme.new_order(key_request(["127.0.0.1"]))

    assert kind_of(refused) == "unauthorized"
