"""Applications, codes, enrolment of a phone, renewal: each happens once, whatever is sent twice."""

import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.trust.conftest import TestPhone
from tests.trust.registration.conftest import CHIEF, CITIZEN, FIRST, SECOND, Authority

from pencere.kernel.errors import PencereError
from pencere.trust.ceremony import Enrolled, Enrolment, Person
from pencere.trust.pins import Half
from pencere.trust.registration import applications, enrolment
from pencere.trust.registration.enrolment import Given, Result

NEW = "5NEWP67"
PINS = {
    one: Half(bytes([n]) * 32, b"s" * 32)
    for n, one in enumerate(("authentication", "signature", "puk"))
}


def refusal(work: object, *arguments: object, **given: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(PencereError) as caught:
        work(*arguments, **given)
    return caught.value.code, caught.value.facts


def sent(phone: TestPhone, **more: Any) -> Given:
    given = replace(phone.enrolment(), **more)
    named = {name: str(value) for name, value in vars(given).items()}
    return enrolment.read(given, named)


def enrol(ra: Authority, given: Given, number: str, code: str, **more: Any) -> Result:
    issue = more.get("issue", ra.founded.centre.issue_person)
    return ra.run(
        lambda connection: enrolment.enrol(
            connection, ra.office, issue, given, number=number, code=code, at=ra.now
        )
    )


def approved(ra: Authority, fin: str = NEW) -> tuple[applications.Application, dict[str, Any]]:
    found = ra.application(fin)
    details = {"application": str(found.id), "application_sha256": found.sha256.hex()}
    done = ra.decide("issue", FIRST, SECOND, subject=fin, details=details)
    assert done.secret is not None
    return found, done.secret


def state(ra: Authority, application: applications.Application) -> str:
    return ra.run(lambda connection: applications.state_of(connection, application.id))


def test_an_approved_application_gives_one_pair_of_certificates(ra: Authority) -> None:
    application, secret = approved(ra)
    given = sent(TestPhone.make(), pins=PINS)

    first = enrol(ra, given, secret["number"], secret["code"])
    again = enrol(ra, given, secret["number"], secret["code"])
    other = refusal(enrol, ra, sent(TestPhone.make()), secret["number"], secret["code"])

    assert first == again
    assert other[0] == "enrolment.used"
    assert len(ra.certificates(NEW)) == 2
    kept = ra.run(
        lambda connection: connection.execute(
            "select approvals from trust.certificate where holder = %s", (f"PNOAZ-{NEW}",)
        ).fetchall()
    )
    assert [[one["by"] for one in approvals] for (approvals,) in kept] == [
        [f"PNOAZ-{FIRST}", f"PNOAZ-{SECOND}"]
    ] * 2
    assert (state(ra, application), ra.leaves("enrolment")) == ("enrolled", 1)
    assert ra.leaves("pin") == 3


def test_a_replay_after_revocation_brings_no_new_certificate(ra: Authority) -> None:
    _, secret = approved(ra)
    given = sent(TestPhone.make())
    enrol(ra, given, secret["number"], secret["code"])
    ra.decide(
        "revoke",
        FIRST,
        SECOND,
        subject=NEW,
        serials=ra.serials(NEW),
        reason="cessationOfOperation",
    )

    enrol(ra, given, secret["number"], secret["code"])

    assert {one["status"] for one in ra.certificates(NEW)} == {"revoked"}
    assert len(ra.certificates(NEW)) == 2


def test_a_stop_while_issuing_is_made_good_by_the_same_request(ra: Authority) -> None:
    application, secret = approved(ra)
    given = sent(TestPhone.make())

    class Stopped(BaseException):
        pass

    def stops(person: Person, request: Enrolment, approvals: Any) -> Enrolled:
        ra.founded.centre.issue_person(person, request, approvals)
        raise Stopped

    with pytest.raises(Stopped):
        enrol(ra, given, secret["number"], secret["code"], issue=stops)
    between = state(ra, application)
    enrol(ra, given, secret["number"], secret["code"])

    assert (between, state(ra, application), len(ra.certificates(NEW))) == (
        "approved",
        "enrolled",
        2,
    )


def test_two_phones_at_once_share_no_code(ra: Authority) -> None:
    _, secret = approved(ra)
    results: list[str] = []

    def press() -> None:
        try:
            enrol(ra, sent(TestPhone.make()), secret["number"], secret["code"])
            results.append("done")
        except PencereError as error:
            results.append(error.code)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sorted(results), len(ra.certificates(NEW))) == (["done", "enrolment.used"], 2)


def test_a_code_is_shown_once_and_kept_as_a_keyed_digest(ra: Authority) -> None:
    application, secret = approved(ra)
    (act,) = ra.run(
        lambda connection: connection.execute(
            "select result::text, content::text from trust.ra_act where application = %s",
            (application.id,),
        ).fetchall()
    )
    assert [secret["code"] in text for text in act] == [False, False]


def test_a_code_ends(ra: Authority) -> None:
    _, secret = approved(ra)
    ra.founded.clock.advance(timedelta(days=7))
    code, _ = refusal(enrol, ra, sent(TestPhone.make()), secret["number"], secret["code"])
    assert code == "enrolment.expired"


def test_an_unknown_number_says_no_more_than_a_wrong_code(ra: Authority) -> None:
    _, secret = approved(ra)
    given = sent(TestPhone.make())
    answers = [
        refusal(enrol, ra, given, number, "0" * 12)
        for number in (secret["number"], "99999999", "x", "9" * 40)
    ]
    assert answers == [("enrolment.code", {"left": 4})] * 4


def test_an_application_is_approved_once_and_declined_for_good(ra: Authority) -> None:
    found, _ = approved(ra)
    details = {"application": str(found.id), "application_sha256": found.sha256.hex()}
    again = refusal(ra.open, "issue", subject=NEW, details=details)
    ra.decide("decline", FIRST, subject=NEW, details=details)

    assert again == ("application.state", {"state": "approved"})
    assert state(ra, found) == "declined"
    assert refusal(ra.open, "new-code", subject=NEW, details=details) == (
        "application.state",
        {"state": "declined"},
    )


def test_two_approvals_of_one_application_give_one_code(ra: Authority) -> None:
    found = ra.application(NEW)
    details = {"application": str(found.id), "application_sha256": found.sha256.hex()}
    acts = [ra.open("issue", subject=NEW, details=details) for _ in range(2)]
    for act in acts:
        ra.approve(act, FIRST)
    ra.approve(acts[0], SECOND)

    assert refusal(ra.approve, acts[1], CHIEF)[0] == "application.state"


def test_officers_sign_for_this_application_and_no_other(ra: Authority) -> None:
    found, other = ra.application(NEW), ra.application(NEW)
    details = {"application": str(found.id), "application_sha256": other.sha256.hex()}
    assert refusal(ra.open, "issue", subject=NEW, details=details) == (
        "act.content",
        {"field": "application_sha256"},
    )
    mixed = {"application": str(found.id), "application_sha256": found.sha256.hex()}
    assert refusal(ra.open, "issue", subject=CITIZEN, details=mixed)[1] == {"field": "subject"}


def test_an_application_that_is_not_the_registers_person_is_refused(ra: Authority) -> None:
    person = {"fin": NEW, "surname": "Quliyeva", "given_name": "Nigar", "phone": "+994501112233"}
    assert refusal(ra.application, NEW, person=person)[0] == "application.identity"


def test_evidence_of_the_day_before_yesterday_is_refused(ra: Authority) -> None:
    found = ra.application(NEW)
    evidence = found.said["identity"]
    evidence["register"]["answered_at"] = "2026-11-20T09:00:00Z"
    assert refusal(ra.application, NEW, identity=evidence)[0] == "application.evidence-old"


def test_keys_that_were_in_other_hands_are_never_certified_again(ra: Authority) -> None:
    stolen = ra.people[CITIZEN].phone
    ra.decide(
        "revoke",
        FIRST,
        SECOND,
        subject=CITIZEN,
        serials=ra.serials(CITIZEN),
        reason="keyCompromise",
    )
    _, secret = approved(ra)

    code, _ = refusal(enrol, ra, sent(stolen), secret["number"], secret["code"])
    assert code == "certificate.key-compromised"


def test_one_key_for_both_purposes_is_refused() -> None:
    phone = TestPhone.make()
    phone.signature = phone.authentication
    assert refusal(sent, phone)[0] == "certificate.request"


@pytest.mark.parametrize("request_bytes", [b"", b"\x30\x80", b"\x30\x03\x02\x01\x00"])
def test_a_malformed_request_costs_no_try(ra: Authority, request_bytes: bytes) -> None:
    approved(ra)
    code, _ = refusal(sent, TestPhone.make(), signature_request=request_bytes)
    assert code == "certificate.request"


def renew(ra: Authority, fin: str, given: Given, key: ec.EllipticCurvePrivateKey) -> Result:
    device = uuid.UUID(ra.people[fin].enrolled.device_id)
    proof = key.sign(enrolment.RENEWAL_PREFIX + given.canonical, ec.ECDSA(hashes.SHA256()))
    return ra.run(
        lambda connection: enrolment.renew(
            connection,
            ra.office,
            ra.founded.centre.issue_person,
            given,
            device=device,
            proof=proof,
            at=ra.now,
        )
    )


def test_a_person_renews_in_the_last_month_by_their_own_key(ra: Authority) -> None:
    key = ra.people[CITIZEN].phone.authentication
    given = sent(TestPhone.make())
    early = refusal(renew, ra, CITIZEN, given, key)[0]
    ra.founded.clock.advance(timedelta(days=1070))

    first = renew(ra, CITIZEN, given, key)
    again = renew(ra, CITIZEN, given, key)

    assert (early, first == again) == ("renewal.early", True)
    assert sorted(one["status"] for one in ra.certificates(CITIZEN)) == [
        "good",
        "good",
        "revoked",
        "revoked",
    ]
    fresh = next(one for one in ra.certificates(CITIZEN) if one["status"] == "good")
    assert (fresh["history"][0]["kind"], fresh["history"][0]["channel"]) == ("renew", "phone")
    assert ra.leaves("ra.result") == 1


def test_a_renewal_with_a_false_proof_or_a_held_certificate_is_refused(ra: Authority) -> None:
    ra.founded.clock.advance(timedelta(days=1070))
    given, phone = sent(TestPhone.make()), ra.people[CITIZEN].phone
    by_stranger = refusal(renew, ra, CITIZEN, given, TestPhone.make().authentication)[0]
    by_other_key = refusal(renew, ra, CITIZEN, given, phone.signature)[0]
    serials = [
        one["serial"] for one in ra.certificates(CITIZEN) if one["profile"] == "person-signature"
    ]
    ra.run(
        lambda connection: connection.execute(
            "insert into trust.status_event (serial, act, at, reason) values (%s, 'held', %s, 6)",
            (bytes.fromhex(serials[0].zfill(32)), ra.now),
        )
    )

    assert (by_stranger, by_other_key) == ("renewal.proof", "renewal.proof")
    assert refusal(renew, ra, CITIZEN, given, phone.authentication)[0] == "renewal.certificate"


def test_an_expired_key_renews_nothing(ra: Authority) -> None:
    ra.founded.clock.advance(timedelta(days=1097))
    key = ra.people[CITIZEN].phone.authentication
    assert refusal(renew, ra, CITIZEN, sent(TestPhone.make()), key)[0] == "renewal.certificate"
