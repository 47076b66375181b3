"""What is kept while it can be had, and what is made of old rows and of keys that were revoked."""

import base64
import hashlib
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag
from tests.gateway.conftest import PROVIDER
from tests.gateway.court import ORIGIN, stamper
from tests.gateway.proof.test_container import judged

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.proof.asic import Maker
from pencere.gateway.proof.container import make
from pencere.gateway.proof.kept import keep_now
from pencere.gateway.proof.reading import Log, find, load, with_present
from pencere.kernel.clock import SystemClock
from pencere.trust.store import Reason


def refresh(court, at: int = 1, **changes) -> int:
    values = {
        "database_url": court.databases[at].app, "anchors": court.anchors,
        "clock": SystemClock(), "every": timedelta(hours=4),
        "signer": court.keys[at].certificate,
    }  # fmt: skip
    return keep_now(**(values | changes))


def proof_of(court, number: str):
    log = Log(court.databases[1].app, ORIGIN, court.log_key.pem)
    with log.connect() as connection:
        (proof,) = load(connection, log, find(connection, number))
        return with_present(connection, proof, court.keys[1].certificate)


def made(court, proof) -> bytes:
    maker = Maker(court.keys[1], stamper(court.centre))
    return make(proof, Sealer("secret of node 1"), maker, node=PROVIDER, at=SystemClock().now())


def test_directories_certificates_and_statuses_are_kept(court):
    court.exchanged()
    court.publish(3)
    court.wait(1, "select count(*) from gateway.directory_version", 2)

    failed = refresh(court)

    assert failed == 0
    assert court.rows(1, "select version from gateway.directory_version order by version") == [
        (2,), (3,),
    ]  # fmt: skip
    # Two nodes, directory, authority of time-stamps, issuing authority; the root needs none.
    assert court.rows(1, "select count(*) from gateway.certificate") == [(6,)]
    assert court.rows(1, "select count(distinct certificate) from gateway.status") == [(5,)]


def test_a_status_that_cannot_be_had_is_tried_again(court, monkeypatch):
    court.exchanged()
    monkeypatch.setattr(
        "pencere.gateway.proof.kept.responder_of", lambda certificate: "http://127.0.0.1:9/ocsp"
    )

    failed = refresh(court)

    # Both nodes, the authority of time-stamps, and who issued them.
    assert failed == 4


def test_a_row_of_version_1_is_proved_as_well(court):
    """A row from before batches: the statement itself is signed, by each side."""
    number = court.exchanged()
    refresh(court)
    proof = proof_of(court, number)
    signed = []
    for at, one in ((0, proof.request), (1, proof.response)):
        text = one.statement.replace(b"evidence/2\nform: batch", b"evidence/1\nform: single")
        if at:
            before = text.rpartition(b"request: ")[0]
            text = before + b"request: " + hashlib.sha256(signed[0].statement).hexdigest().encode()
            text += b"\n"
        time = text.split(b"time: ")[1].split(b"\n")[0]
        certificate = fingerprint_of(court.keys[at].certificate).encode()
        signature = base64.b64encode(court.keys[at].sign(text))
        section = b" ".join([b"single", time, certificate, signature])
        signed.append(replace(one, statement=text, evidence=section))
    texts = [one.statement + base64.b64decode(one.evidence.rpartition(b" ")[2]) for one in signed]
    old = replace(
        proof, request=signed[0], response=signed[1], stamp=None, ledger=None,
        evidence_digest=hashlib.sha256(b"".join(texts)).digest(),
    )  # fmt: skip

    assert judged(court, made(court, old)) == ("indeterminate", ("time_stamp.missing",))


def test_a_key_that_was_revoked_before_it_signed_fails_and_after_it_does_not(court):
    before = court.exchanged(number="before")
    # Revocations and time-stamps are told by the second: one in the same second came first.
    time.sleep(1.1)
    court.centre.centre.issuance.revoke(court.keys[0].certificate, Reason.KEY_COMPROMISE)
    for clock in court.clocks:
        clock.advance(timedelta(seconds=60))
    after = court.exchanged(number="after")
    refresh(court)

    verdicts = [judged(court, made(court, proof_of(court, one))) for one in (before, after)]

    assert verdicts[0] == ("valid", ())
    assert verdicts[1] == ("invalid", ("signer.revoked",))


def test_a_secret_rotates_and_old_rows_stay_readable():
    old, new = Sealer("first"), Sealer("second", "first")
    third = Sealer("third", "second", "first")

    before = old.seal(b"body", exchange="e", part="p")
    after = new.seal(b"body", exchange="e", part="p")

    assert [one.open(before, exchange="e", part="p") for one in (old, new, third)] == [b"body"] * 3
    assert [one.open(after, exchange="e", part="p") for one in (new, third)] == [b"body"] * 2
    assert len({one.person_digest("5KQ2R7A") for one in (old, new, third)}) == 1
    for sealer, sealed, part in ((old, after, "p"), (new, after, "q"), (Sealer("x"), before, "p")):
        with pytest.raises(InvalidTag):
            sealer.open(sealed, exchange="e", part=part)
