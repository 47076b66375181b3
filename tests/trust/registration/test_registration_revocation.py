"""One's own certificates, proof by the key itself, and many at once."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.trust.conftest import csr
from tests.trust.registration.conftest import CHIEF, CITIZEN, FIRST, SECOND, Authority

from pencere.kernel.errors import PencereError
from pencere.trust import store
from pencere.trust.registration import acts, compromise, mass, own
from pencere.trust.registration.compromise import PREFIX, Proof


def refusal(work: object, *arguments: object, **given: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(PencereError) as caught:
        work(*arguments, **given)
    return caught.value.code, caught.value.facts


def press(ra: Authority, **given: Any) -> acts.Act:
    content = {
        "id": str(uuid.uuid4()),
        "holder": CITIZEN,
        "serials": ra.serials(CITIZEN),
        "act": "revoke",
        "assurance": "high",
        **given,
    }
    return ra.run(lambda connection: own.act_on_own(connection, ra.office, content, at=ra.now))


@pytest.mark.parametrize(
    ("act", "assurance", "status", "pending"),
    [
        ("suspend", "low", "suspended", None),
        ("revoke", "substantial", "suspended", "revoke"),
        ("revoke", "high", "revoked", None),
    ],
)
def test_a_person_holds_at_any_level_and_revokes_at_the_highest(
    ra: Authority, act: str, assurance: str, status: str, pending: str | None
) -> None:
    identifier = str(uuid.uuid4())
    done = press(ra, id=identifier, act=act, assurance=assurance)
    again = press(ra, id=identifier, act=act, assurance=assurance)

    assert {one["status"] for one in ra.certificates(CITIZEN)} == {status}
    assert ((done.result or {})["pending"], again.id, again.state) == (
        pending,
        done.id,
        "executed",
    )
    assert ra.leaves("ra.result") == 1
    history = ra.certificates(CITIZEN)[0]["history"][-1]
    assert (history["channel"], history["by"]) == ("portal", [])


def test_what_a_person_held_at_a_low_level_they_revoke_at_the_highest(ra: Authority) -> None:
    press(ra, assurance="low")
    press(ra, assurance="high")
    assert {one["status"] for one in ra.certificates(CITIZEN)} == {"revoked"}


def test_nobody_touches_another_persons_certificates(ra: Authority) -> None:
    assert refusal(press, ra, holder=FIRST)[0] == "certificate.missing"
    assert refusal(press, ra, serials=ra.serials(SECOND))[0] == "certificate.missing"
    assert {one["status"] for one in ra.certificates(SECOND)} == {"good"}
    for changes in ({"assurance": "none"}, {"reason": "privilegeWithdrawn"}, {"serials": []}):
        assert refusal(press, ra, **changes)[0] == "act.content"


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def confession(key: ec.EllipticCurvePrivateKey, name: str = compromise.COMMON_NAME) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def prove(ra: Authority, certificate: x509.Certificate, proof: Proof) -> list[str]:
    return ra.run(
        lambda connection: compromise.revoke_by_proof(
            connection,
            ra.office,
            store.serial_bytes(certificate.serial_number),
            proof,
            at=ra.now,
        )
    )


def test_whoever_has_a_key_ends_it_by_a_request_that_says_so(ra: Authority) -> None:
    someone = ra.people[CITIZEN]
    revoked = prove(ra, someone.signature, Proof(request=confession(someone.phone.signature)))

    assert revoked == [f"{someone.signature.serial_number:x}"]
    (one,) = [each for each in ra.certificates(CITIZEN) if each["serial"] == revoked[0]]
    assert (one["status"], one["reason"], one["history"][-1]["channel"]) == (
        "revoked",
        "keyCompromise",
        "public",
    )
    again = refusal(
        prove, ra, someone.signature, Proof(request=confession(someone.phone.signature))
    )
    assert again[0] == "certificate.revoked_already"


def test_a_request_for_a_certificate_is_no_proof_of_compromise(ra: Authority) -> None:
    someone = ra.people[CITIZEN]
    forged = [
        csr(someone.phone.signature),
        confession(someone.phone.signature, "Aydan"),
        confession(someone.phone.authentication),
        confession(ec.generate_private_key(ec.SECP256R1())),
        b"",
        b"\x30\x80",
        confession(someone.phone.signature)[:-1] + b"\x00",
    ]
    codes = {refusal(prove, ra, someone.signature, Proof(request=one))[0] for one in forged}

    assert codes == {"compromise.proof"}
    assert {one["status"] for one in ra.certificates(CITIZEN)} == {"good"}


def test_a_signature_over_a_challenge_of_ours_is_proof_for_ten_minutes(ra: Authority) -> None:
    someone = ra.people[CITIZEN]
    given = compromise.challenge(ra.office, at=ra.now)
    signature = someone.phone.signature.sign(PREFIX + given, ec.ECDSA(hashes.SHA256()))
    forged = bytes(64)
    codes = [
        refusal(prove, ra, someone.signature, Proof(challenge=one, signature=two))[0]
        for one, two in (
            (given, someone.phone.signature.sign(given, ec.ECDSA(hashes.SHA256()))),
            (forged, someone.phone.signature.sign(PREFIX + forged, ec.ECDSA(hashes.SHA256()))),
            (b"", b""),
        )
    ]
    ra.founded.clock.advance(compromise.CHALLENGE_LASTS)
    late = refusal(prove, ra, someone.signature, Proof(challenge=given, signature=signature))[0]
    ra.founded.clock.advance(-compromise.CHALLENGE_LASTS)

    assert {*codes, late} == {"compromise.proof"}
    assert prove(ra, someone.signature, Proof(challenge=given, signature=signature))


def test_the_database_reads_the_key_of_every_certificate(ra: Authority) -> None:
    rows = ra.run(
        lambda connection: connection.execute(
            "select encoded, trust.key_sha256(tbs) from trust.certificate where state = 'issued'"
        ).fetchall()
    )
    expected = [
        hashlib.sha256(
            x509.load_der_x509_certificate(bytes(encoded))
            .public_key()
            .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).digest()
        for encoded, _ in rows
    ]
    garbage = ra.run(
        lambda connection: connection.execute(
            "select trust.key_sha256(one) from unnest(%s::bytea[]) one",
            ([b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x31\x00", bytes(40)],),
        ).fetchall()
    )
    assert [bytes(key) for _, key in rows] == expected
    assert (len(rows) > 12, {one for (one,) in garbage}) == (True, {None})


def selection(**given: Any) -> dict[str, Any]:
    return {"issuer": "issuing-person", **given}


def preview(ra: Authority, **given: Any) -> dict[str, Any]:
    return ra.run(
        lambda connection: mass.preview(
            connection, mass.read(selection(**given), at=ra.now), at=ra.now
        )
    )


def carry_on(ra: Authority) -> int:
    batches = 0
    while ra.run(lambda connection: mass.advance(connection, at=ra.now)):
        batches += 1
    return batches


def ask_mass(ra: Authority, **given: Any) -> acts.Act:
    seen = preview(ra, **given)
    details = {"selection": seen["selection"], "count": seen["count"]}
    return ra.open("mass-revoke", reason="keyCompromise", details=details)


def test_a_preview_counts_and_changes_nothing(ra: Authority) -> None:
    seen = preview(ra, profile="person-signature")

    assert (seen["count"], seen["by_profile"], seen["by_issuer"], len(seen["first"])) == (
        4,
        {"person-signature": 4},
        {"issuing-person": 4},
        4,
    )
    assert ra.leaves("revocation") == 0


def test_mass_revocation_needs_three_with_a_chief_and_then_does_all(ra: Authority) -> None:
    act = ask_mass(ra)
    states = [ra.approve(act, one).act.state for one in (FIRST, SECOND)]
    before = carry_on(ra)
    states.append(ra.approve(act, CHIEF).act.state)
    carry_on(ra)
    done = ra.act(act)

    assert (states, before) == (["open", "open", "executing"], 0)
    assert (done.state, done.result) == ("executed", {"count": 8, "revoked": 8})
    for fin in (CITIZEN, FIRST):
        assert {one["status"] for one in ra.certificates(fin)} == {"revoked"}
    assert ra.leaves("revocation") == 8
    assert {one["reason"] for one in ra.certificates(CITIZEN)} == {"keyCompromise"}


def test_the_same_act_with_another_selection_is_another_act(ra: Authority) -> None:
    act = ask_mass(ra, profile="person-signature")
    given = {"id": str(act.id), "reason": "keyCompromise"}
    again = ra.open("mass-revoke", **given, details=act.details)
    without = {**act.details, "selection": selection(profile="person-signature")}
    completed = ra.open("mass-revoke", **given, details=without)
    other = {**act.details, "selection": selection(profile="person-authentication")}

    assert {again.sha256, completed.sha256} == {act.sha256}
    assert refusal(ra.open, "mass-revoke", **given, details=other)[0] == "act.conflict"


def test_weak_keys_are_found_by_a_list_and_nobody_else_is_touched(ra: Authority) -> None:
    weak = hashlib.sha256(spki(ra.people[CITIZEN].phone.signature)).hexdigest()
    act = ask_mass(ra, keys=[weak, "ab" * 32])
    for one in (FIRST, SECOND, CHIEF):
        ra.approve(act, one)
    carry_on(ra)

    assert ra.standing(CITIZEN) == {
        ("person-authentication", "good"),
        ("person-signature", "revoked"),
    }
    assert ra.leaves("revocation") == 1


def test_what_is_issued_after_the_preview_is_not_touched(ra: Authority) -> None:
    act = ask_mass(ra)
    ra.founded.clock.advance(timedelta(seconds=2))
    ra.person("6LATE78")
    for one in (FIRST, SECOND, CHIEF):
        ra.approve(act, one)
    carry_on(ra)

    assert {one["status"] for one in ra.certificates("6LATE78")} == {"good"}
    assert {one["status"] for one in ra.certificates(CITIZEN)} == {"revoked"}


def test_another_count_than_was_seen_is_refused(ra: Authority) -> None:
    seen = preview(ra)
    ra.decide(
        "revoke", FIRST, SECOND, subject=CITIZEN, serials=ra.serials(CITIZEN), reason="superseded"
    )
    details = {"selection": seen["selection"], "count": seen["count"]}
    code, facts = refusal(ra.open, "mass-revoke", reason="keyCompromise", details=details)
    assert (code, facts) == ("act.count", {"count": 6})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"issuer": "root"},
        {"profile": "tsa"},
        {"profile": "' or true"},
        {"keys": []},
        {"keys": ["zz"]},
        {"keys": ["ab" * 32] * 1001},
        {"issued_from": "yesterday"},
        {"everything": True},
        {"serials": ["0x1"]},
    ],
)
def test_a_selection_that_is_none_is_refused(ra: Authority, given: dict[str, Any]) -> None:
    assert refusal(mass.read, given, at=ra.now)[0] == "act.content"


def many(ra: Authority, count: int) -> None:
    """Put further issued rows into the table, as a load from elsewhere would."""
    with psycopg.connect(ra.founded.conninfo) as connection:
        connection.execute(
            "insert into trust.certificate (serial, issuer, profile, holder, tbs, state, encoded,"
            " sha256, not_before, not_after, reserved_at, issued_at)"
            " select decode(lpad(to_hex(n + 4096), 32, '7'), 'hex'), 'issuing-person',"
            " 'person-signature', 'PNOAZ-X' || n, ''::bytea, 'reserved', null, null, %(at)s,"
            " %(at)s + interval '1 year', %(at)s, null from generate_series(1, %(n)s) n",
            {"at": ra.now, "n": count},
        )
        connection.execute(
            "update trust.certificate set state = 'issued', encoded = serial,"
            " sha256 = sha256(serial), issued_at = %s where tbs = ''::bytea",
            (ra.now,),
        )


WORKER = """
import sys, psycopg
from datetime import datetime
from pencere.trust.registration import mass
at = datetime.fromisoformat(sys.argv[2])
mass.BATCH = 50
with psycopg.connect(sys.argv[1]) as connection:
    while mass.advance(connection, at=at):
        connection.commit()
        print("batch", flush=True)
"""


@pytest.fixture
def worker(ra: Authority) -> Iterator[Any]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, ra.founded.conninfo, ra.now.isoformat()],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_mass_revocation_that_is_killed_goes_on_and_repeats_nothing(
    ra: Authority, worker: Any
) -> None:
    many(ra, 1500)
    act = ask_mass(ra)
    for one in (FIRST, SECOND, CHIEF):
        ra.approve(act, one)
    process = worker()
    for _ in range(3):
        assert process.stdout.readline() == "batch\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    done_by_then = ra.leaves("revocation")
    time.sleep(0.1)
    for one in [worker(), worker()]:  # two at once take turns
        assert one.wait(60) == 0
    done = ra.act(act)

    assert 150 <= done_by_then < 1508
    assert (done.state, done.result) == ("executed", {"count": 1508, "revoked": 1508})
    assert ra.leaves("revocation") == 1508
