"""A PIN is tried three times, wherever the try comes from, and opens one request."""

import hashlib
import threading
import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tests.trust.conftest import Enrolee, TestPhone
from tests.trust.registration.conftest import CHIEF, CITIZEN, FIRST, SECOND, Authority

from pencere.kernel.errors import PencereError
from pencere.trust import devices, pins, relying_parties, sessions
from pencere.trust.ceremony import Person
from pencere.trust.devices import Device
from pencere.trust.pins import Half, Safe
from pencere.trust.sessions import Answer, Question, Result

OWNER, NUMBER = "6PANS78", "+994507778899"
PROOFS: dict[pins.Purpose, bytes] = {one: one.encode().ljust(32) for one in pins.PURPOSES}
SHARES: dict[pins.Purpose, bytes] = {one: one.encode().rjust(32) for one in pins.PURPOSES}
SAFE = Safe(b"k" * 32)
WRONG = b"w" * 32


def halves() -> dict[pins.Purpose, Half]:
    return {one: Half(hashlib.sha256(PROOFS[one]).digest(), SHARES[one]) for one in pins.PURPOSES}


@pytest.fixture
def owner(ra: Authority) -> Enrolee:
    person, phone = Person(OWNER, "Quliyeva", "Aydan", NUMBER), TestPhone.make()
    enrolment = replace(phone.enrolment(), pins=halves())
    return Enrolee(person, phone, ra.founded.centre.issue_person(person, enrolment))


def attempt(
    ra: Authority, owner: Enrolee, purpose: pins.Purpose, proof: bytes
) -> bytes | tuple[str, object]:
    device = uuid.UUID(owner.enrolled.device_id)
    try:
        return ra.run(
            lambda connection: pins.try_proof(connection, SAFE, device, purpose, proof, at=ra.now)
        )
    except PencereError as error:
        return error.code, error.facts.get("left")


def test_a_right_proof_gets_the_share_and_three_tries(ra: Authority, owner: Enrolee) -> None:
    found = [
        attempt(ra, owner, "signature", proof)
        for proof in (WRONG, WRONG, PROOFS["signature"], WRONG, WRONG, WRONG)
    ]
    assert found == [
        ("pin.wrong", 2),
        ("pin.wrong", 1),
        SHARES["signature"],
        ("pin.wrong", 2),
        ("pin.wrong", 1),
        ("pin.blocked", 0),
    ]
    assert attempt(ra, owner, "signature", PROOFS["signature"]) == ("pin.blocked", 0)
    assert (
        attempt(ra, owner, "authentication", PROOFS["authentication"]) == SHARES["authentication"]
    )


def test_many_tries_at_once_are_three(ra: Authority, owner: Enrolee) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(attempt(ra, owner, "puk", WRONG)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found, key=str) == sorted(
        [("puk.wrong", 2), ("puk.wrong", 1), *[("puk.blocked", 0)] * 6], key=str
    )


def test_a_stop_between_counting_and_looking_gives_no_free_try(
    ra: Authority, owner: Enrolee, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(*_arguments: object) -> bool:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(pins.hmac, "compare_digest", stop)
        with pytest.raises(Stopped):
            attempt(ra, owner, "signature", PROOFS["signature"])
    left = ra.run(
        lambda connection: pins.tries_left(connection, uuid.UUID(owner.enrolled.device_id))
    )
    assert left == {"authentication": 3, "signature": 2, "puk": 3}


def test_the_table_holds_neither_proof_nor_share(ra: Authority, owner: Enrolee) -> None:
    rows = ra.run(
        lambda connection: connection.execute(
            "select p::text from trust.pin p where device = %s", (owner.enrolled.device_id,)
        ).fetchall()
    )
    kept = "".join(row[0] for row in rows)
    assert [value.hex() in kept for value in (*PROOFS.values(), *SHARES.values())] == [False] * 6


def test_a_share_moved_to_another_row_does_not_open(ra: Authority, owner: Enrolee) -> None:
    ra.run(
        lambda connection: connection.execute(
            "update trust.pin set share = (select share from trust.pin"
            " where purpose = 'authentication' and device = %(d)s)"
            " where purpose = 'signature' and device = %(d)s",
            {"d": owner.enrolled.device_id},
        )
    )
    with pytest.raises(InvalidTag):
        attempt(ra, owner, "signature", PROOFS["signature"])


def test_the_same_phone_again_keeps_its_pins(ra: Authority, owner: Enrolee) -> None:
    attempt(ra, owner, "signature", WRONG)
    other = {one: Half(b"v" * 32, b"o" * 32) for one in pins.PURPOSES}
    again = ra.founded.centre.issue_person(
        owner.person, replace(owner.phone.enrolment(), pins=other)
    )

    assert again == owner.enrolled
    assert attempt(ra, owner, "signature", PROOFS["signature"]) == SHARES["signature"]


@pytest.mark.parametrize("size", [0, 31, 33])
def test_halves_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(PencereError, match=r"pin\.size"):
        Half(bytes(size), bytes(32))


def ask(ra: Authority, digest: bytes) -> tuple[Device, uuid.UUID]:
    party = uuid.uuid4()

    def work(connection: psycopg.Connection) -> tuple[Device, uuid.UUID]:
        relying_parties.register(connection, party, "Portal", "s" * 43)
        device = devices.find(connection, ra.office.holder(OWNER), NUMBER)
        assert device is not None
        question = Question(party, "signature", digest, "SHA256", "az", "Ərizə")
        return device, sessions.ask(connection, question, device, at=ra.now)

    return ra.run(work)


def answer(ra: Authority, device: Device, session: uuid.UUID, signature: bytes) -> str:
    given = Answer(Result.OK, signature)
    try:
        ra.run(lambda connection: sessions.answer(connection, device, session, given, at=ra.now))
    except PencereError as error:
        return error.code
    return "accepted"


def test_a_key_that_was_stolen_answers_nothing_without_a_pin_for_that_request(
    ra: Authority, owner: Enrolee
) -> None:
    digest = hashlib.sha256(b"contract").digest()
    device, session = ask(ra, digest)
    signature = owner.phone.signature.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    _, other = ask(ra, digest)

    before = answer(ra, device, session, signature)
    ra.run(lambda connection: pins.mark_passed(connection, other, at=ra.now))
    for_another = answer(ra, device, session, signature)
    ra.run(lambda connection: pins.mark_passed(connection, session, at=ra.now))
    after = answer(ra, device, session, signature)

    assert (before, for_another, after) == ("session.pin", "session.pin", "accepted")


def test_a_blocked_pin_ends_what_waits_for_its_key_alone(ra: Authority, owner: Enrolee) -> None:
    device, session = ask(ra, bytes(32))
    ra.run(lambda connection: sessions.block(connection, device, "authentication", at=ra.now))
    still = ra.run(lambda connection: sessions.waiting(connection, device, at=ra.now))
    ra.run(lambda connection: sessions.block(connection, device, "signature", at=ra.now))
    none = ra.run(lambda connection: sessions.waiting(connection, device, at=ra.now))

    assert ([one.id for one in still], none) == ([session], [])


def unblock(ra: Authority, owner: Enrolee, kind: str, **more: Any) -> str:
    details = {"device": owner.enrolled.device_id, **more}
    try:
        return ra.decide(kind, FIRST, SECOND, subject=OWNER, details=details).act.state
    except PencereError as error:
        return error.code


def test_one_phone_is_unblocked_three_times(ra: Authority, owner: Enrolee) -> None:
    for _ in range(3):
        attempt(ra, owner, "signature", WRONG)
    states = [unblock(ra, owner, "unblock-pin", purpose="signature") for _ in range(3)]
    fourth = unblock(ra, owner, "unblock-puk")

    assert (states, fourth) == (["executed"] * 3, "pin.unblock-limit")
    assert attempt(ra, owner, "signature", PROOFS["signature"]) == SHARES["signature"]


def test_only_the_persons_own_open_phone_is_unblocked(ra: Authority, owner: Enrolee) -> None:
    def code(subject: str, device: str) -> str:
        with pytest.raises(PencereError) as caught:
            ra.open(
                "unblock-pin",
                CHIEF,
                subject=subject,
                details={"device": device, "purpose": "signature"},
            )
        return caught.value.code

    without_halves = ra.people[CITIZEN].enrolled.device_id
    assert code(CITIZEN, owner.enrolled.device_id) == "device.missing"
    assert code(OWNER, str(uuid.uuid4())) == "device.missing"
    assert code(CITIZEN, without_halves) == "device.missing"  # a card counts by itself
