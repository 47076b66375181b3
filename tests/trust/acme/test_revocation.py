"""Revocation by an account and by a certificate's own key, and what it means for renewal."""

from collections.abc import Callable

import josepy
import pytest
import requests
from acme import client, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.trust.acme.client import Client, certificate_id, kind_of, open_client
from tests.trust.acme.listener import Machine

from pencere.trust import store


def test_a_revoked_certificate_is_to_be_renewed_at_once(system: Client, machine: Machine) -> None:
    leaf, _ = system.obtain(["127.0.0.1"], machine)
    system.acme.revoke(leaf, 1)
    url = f"{system.listener.base_url}/acme/renewal-info/{certificate_id(leaf)}"

    answer = requests.get(url, verify=str(system.listener.anchors), timeout=5)

    assert answer.json()["suggestedWindow"]["end"] < now_text(system)
    assert answer.headers["Retry-After"] == "21600"


def now_text(system: Client) -> str:
    return system.listener.machines.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_certificates_own_key_revokes_it(system: Client, machine: Machine) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf, _ = system.obtain(["127.0.0.1"], machine, key=key)
    stranger = open_client(system.listener, josepy.JWKEC(key=key))
    other = open_client(system.listener)
    with pytest.raises(messages.Error) as refused:
        revoke_by_key(other, leaf)
    revoke_by_key(stranger, leaf)
    with pytest.raises(messages.Error) as again:
        revoke_by_key(stranger, leaf)

    with system.listener.connect() as connection:
        found = store.status(connection, "issuing-infrastructure", leaf.serial_number)
    assert (kind_of(refused), kind_of(again)) == ("unauthorized", "alreadyRevoked")
    assert found.reason == store.Reason.KEY_COMPROMISE
    with pytest.raises(messages.Error) as same_key:
        system.obtain(["127.0.0.1"], machine, key=key)
    assert kind_of(same_key) == "badPublicKey"
    for one in (stranger, other):
        one.net.session.close()


def revoke_by_key(acme: client.ClientV2, leaf: x509.Certificate) -> None:
    content = messages.Revocation(certificate=leaf, reason=1)
    acme.net.account = None
    acme.net.post(acme.directory["revokeCert"], content, new_nonce_url=acme.directory["newNonce"])


def test_another_account_revokes_nothing(
    make_client: Callable[..., Client], machine: Machine
) -> None:
    leaf, _ = make_client().obtain(["127.0.0.1"], machine)
    other = make_client()

    with pytest.raises(messages.Error) as refused:
        other.acme.revoke(leaf, 0)
    other.obtain(["127.0.0.1"], machine)  # now it has proved the name itself
    other.acme.revoke(leaf, 0)

    assert kind_of(refused) == "unauthorized"
