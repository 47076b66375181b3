"""An order that a stop left in the middle gets one certificate, never two."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.conftest import PASSPHRASE, Founded

from pencere.kernel.errors import Unavailable
from pencere.trust.acme import accounts, bindings, orders, requests
from pencere.trust.acme.enrolment import Enrolment
from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.jose import encode
from pencere.trust.acme.limits import Limits
from pencere.trust.acme.nonces import LIFETIME, Nonces, forget_used
from pencere.trust.acme.problems import Problem, of_row

NAME = Identifier("dns", "rms.dyp.az")

# Finishes an order in a process that is killed when the key is about to be used, or right after
# the certificate is stored.
SCRIPT = """
import os, signal, sys
import psycopg
from pathlib import Path
from pencere.kernel.clock import FixedClock
from datetime import datetime
from pencere.trust import reservations
from pencere.trust.acme import orders
from pencere.trust.acme.enrolment import Enrolment
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority

conninfo, folder, passphrase, now, order, account, place = sys.argv[1:]
signer = Keystore(Path(folder) / "keys", passphrase).signer("issuing-infrastructure")
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if place == "before-signing":
    reservations.settle = die
if place == "before-completion":
    orders.complete = die
clock = FixedClock(datetime.fromisoformat(now))
issuance = Issuance(conninfo, load_authority(), "http://127.0.0.1:9390", clock, b"k" * 32)
Enrolment(issuance, signer, lambda: psycopg.connect(conninfo)).finish(order, account)
"""


def jwk() -> dict[str, str]:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (encode(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def request_for(name: str) -> bytes:
    alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    key = ec.generate_private_key(ec.SECP256R1())
    request = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def account_of(founded: Founded) -> str:
    now = founded.clock.now()
    with founded.connect() as connection:
        binding = bindings.create(
            connection,
            body="dyp",
            organization="Baş Dövlət Yol Polisi İdarəsi",
            system="rms",
            permitted=[".dyp.az"],
            profiles=["tls-service"],
            at=now,
        )
        return accounts.create(connection, binding, jwk=jwk(), eab={}, contact=[], at=now).id


@pytest.fixture
def order(founded: Founded) -> orders.Order:
    """An order whose request is on record and whose certificate is not."""
    now, account = founded.clock.now(), account_of(founded)
    with founded.connect() as connection:
        made = orders.create(
            connection, account, [NAME], profile="tls-service", replaces=None, at=now
        )
        (one,) = orders.authorizations(connection, made.id)
        orders.ask(connection, one, at=now)
        orders.settle(connection, one.id, None, at=now)
        orders.take_request(connection, made, request_for("rms.dyp.az"), at=now)
        return orders.find(connection, made.id, account)


def enrolment(founded: Founded) -> Enrolment:
    signer = founded.centre.keystore.signer("issuing-infrastructure")
    return Enrolment(founded.centre.issuance, signer, founded.connect)


def certificates(founded: Founded, order: orders.Order) -> list[tuple[str, bytes]]:
    digest = requests.key_sha256(requests.read(bytes(order.request)).public_key)
    with founded.connect() as connection:
        rows = connection.execute(
            "select state, serial from trust.certificate where trust.key_sha256(tbs) = %s"
            " order by reserved_at, state",
            (digest,),
        ).fetchall()
    return [(state, bytes(serial)) for state, serial in rows]


def status(founded: Founded, order: orders.Order) -> tuple[str, orders.Order]:
    with founded.connect() as connection:
        found = orders.find(connection, order.id, order.account)
        return found.status(orders.authorizations(connection, order.id), founded.clock.now()), found


def killed(founded: Founded, order: orders.Order, place: str) -> int:
    now = founded.clock.now().isoformat()
    arguments = (founded.conninfo, str(founded.folder), PASSPHRASE, now, order.id, order.account)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments, place],
        env={**os.environ},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


@pytest.mark.slow
def test_a_stored_certificate_is_taken_up_after_kill_9(
    founded: Founded, order: orders.Order
) -> None:
    code = killed(founded, order, "before-completion")
    before, (first,) = status(founded, order)[0], certificates(founded, order)

    resumed = enrolment(founded).resume()

    after, found = status(founded, order)
    assert (code, before, resumed, after) == (-9, "processing", 1, "valid")
    assert certificates(founded, order) == [first]
    assert found.certificate == first[1]
    assert enrolment(founded).resume() == 0


@pytest.mark.slow
def test_what_was_perhaps_signed_before_kill_9_is_not_used(
    founded: Founded, order: orders.Order
) -> None:
    code = killed(founded, order, "before-signing")
    (first,) = certificates(founded, order)

    enrolment(founded).resume()

    after, found = status(founded, order)
    states = sorted(state for state, _ in certificates(founded, order))
    assert (code, first[0], after) == (-9, "reserved", "valid")
    assert states == ["issued", "reserved"]  # the reserved one is answered as revoked
    assert found.certificate != first[1]


def test_an_order_waits_for_a_key_that_is_away(founded: Founded, order: orders.Order) -> None:
    class Away:
        certificate = founded.certificate("issuing-infrastructure")
        public_key = certificate.public_key()
        algorithm = founded.centre.keystore.signer("issuing-infrastructure").algorithm

        def ready(self) -> None:
            raise Unavailable("token.away")

        sign = ready

    broken = replace(enrolment(founded), signer=Away())
    with pytest.raises(Unavailable, match=r"token\.away"):
        broken.finish(order.id, order.account)
    before = status(founded, order)[0], certificates(founded, order)

    enrolment(founded).resume()

    assert before == ("processing", [])
    assert status(founded, order)[0] == "valid"


def test_an_order_whose_binding_ended_meanwhile_fails(
    founded: Founded, order: orders.Order
) -> None:
    with founded.connect() as connection:
        (binding,) = bindings.all_of(connection)
        bindings.end(connection, binding.id, at=founded.clock.now())

    enrolment(founded).resume()

    after, found = status(founded, order)
    assert (after, of_row(found.error).kind) == ("invalid", "unauthorized")
    assert certificates(founded, order) == []


def test_orders_are_limited_and_the_wait_is_said(founded: Founded) -> None:
    account, now, limits = account_of(founded), founded.clock.now(), Limits(orders=2)
    with founded.connect() as connection:
        for _ in range(2):
            limits.check_orders(connection, account, at=now)
            orders.create(connection, account, [NAME], profile="tls-service", replaces=None, at=now)
        with pytest.raises(Problem) as refused:
            limits.check_orders(connection, account, at=now + timedelta(minutes=20))
        limits.check_orders(connection, account, at=now + timedelta(minutes=61))

    problem = refused.value
    assert (problem.kind, problem.http_status, problem.retry_after_s) == ("rateLimited", 429, 2401)


def test_failures_are_limited(founded: Founded) -> None:
    account, now, limits = account_of(founded), founded.clock.now(), Limits(failures=1)
    with founded.connect() as connection:
        limits.check_failures(connection, account, at=now)
        made = orders.create(
            connection, account, [NAME], profile="tls-service", replaces=None, at=now
        )
        (one,) = orders.authorizations(connection, made.id)
        orders.ask(connection, one, at=now)
        orders.settle(connection, one.id, Problem("dns", "no_address").as_row(), at=now)
        with pytest.raises(Problem, match="too_often"):
            limits.check_failures(connection, account, at=now)


def test_a_nonce_is_used_once_and_not_for_ever(founded: Founded) -> None:
    nonces, now = Nonces(b"n" * 32), founded.clock.now()
    fresh, old = nonces.make(now), nonces.make(now - LIFETIME)
    other = Nonces(b"o" * 32).make(now)
    outcomes = []
    with founded.connect() as connection:
        for one in (fresh, fresh, old, other, "", "AAAA"):
            try:
                nonces.use(connection, one, now)
                outcomes.append("used")
            except Problem as error:
                outcomes.append(error.kind)
        forget_used(connection, at=now + LIFETIME + timedelta(minutes=3))
        left = connection.execute("select count(*) from trust.acme_nonce").fetchone()

    assert outcomes == ["used", *["badNonce"] * 5]
    assert left == (0,)


def test_an_order_and_its_proofs_end_after_a_day(founded: Founded, order: orders.Order) -> None:
    with founded.connect() as connection:
        found = orders.authorizations(connection, order.id)
    late = founded.clock.now() + timedelta(days=1)

    assert [one.status_at(late) for one in found] == ["expired"]
    assert order.status(found, late) == "invalid"
