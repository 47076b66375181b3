"""Nothing happens without the signatures of enough different officers, and then once."""

import threading
import uuid
from datetime import timedelta

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.registration.conftest import (
    CHIEF,
    CITIZEN,
    FIRST,
    SECOND,
    Authority,
    digest_of,
)

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.trust import store
from pencere.trust.registration import officers
from pencere.trust.registration.quorum import quorums

GOOD = {("person-authentication", "good"), ("person-signature", "good")}
REVOKED = {("person-authentication", "revoked"), ("person-signature", "revoked")}
HELD = {("person-authentication", "suspended"), ("person-signature", "suspended")}


def revocation(ra: Authority, **given: object) -> dict[str, object]:
    return {
        "subject": CITIZEN,
        "serials": ra.serials(CITIZEN),
        "reason": "affiliationChanged",
        "case": "RA-2026-1",
        "note": "Left the service",
        **given,
    }


def refusal(work: object, *arguments: object, **given: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(PencereError) as caught:
        work(*arguments, **given)
    return caught.value.code, caught.value.facts


def test_two_officers_revoke_and_the_history_says_who(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra))
    assert digest_of(act) == act.sha256

    first = ra.approve(act, FIRST)
    between = ra.standing(CITIZEN)
    second = ra.approve(act, SECOND)

    assert (first.act.state, between) == ("open", GOOD)
    assert (second.act.state, ra.standing(CITIZEN)) == ("executed", REVOKED)
    (event,) = {
        (
            one["history"][-1]["what"],
            one["history"][-1]["reason"],
            one["history"][-1]["case"],
            tuple(by["role"] for by in one["history"][-1]["by"]),
            len(one["history"]),
        )
        for one in ra.certificates(CITIZEN)
    }
    assert event == (
        "revoked",
        "affiliationChanged",
        "RA-2026-1",
        ("ra-officer", "ra-officer"),
        2,
    )
    counted = {kind: ra.leaves(kind) for kind in ("ra.act", "ra.approval", "ra.result")}
    assert counted == {"ra.act": 1, "ra.approval": 2, "ra.result": 1}
    assert ra.leaves("revocation") == 2


def test_one_officer_holds_in_a_hurry_and_two_let_go(ra: Authority) -> None:
    serials = ra.serials(CITIZEN)
    ra.decide("suspend", FIRST, subject=CITIZEN, serials=serials)
    held = ra.standing(CITIZEN)
    letting = ra.open("release", subject=CITIZEN, serials=serials)
    ra.approve(letting, FIRST)
    still = ra.standing(CITIZEN)
    ra.approve(letting, CHIEF)

    assert (held, still, ra.standing(CITIZEN)) == (HELD, HELD, GOOD)
    whats = [one["what"] for one in ra.certificates(CITIZEN)[0]["history"]]
    assert whats == ["issued", "suspended", "released"]


def test_what_was_held_and_then_revoked_counts_from_the_hold(ra: Authority) -> None:
    ra.decide("suspend", FIRST, subject=CITIZEN, serials=ra.serials(CITIZEN))
    ra.founded.clock.advance(timedelta(days=3))
    ra.decide("revoke", FIRST, SECOND, **revocation(ra))

    assert {(one["status"], one["since"]) for one in ra.certificates(CITIZEN)} == {
        ("revoked", "2026-11-22T09:00:00Z")
    }


def test_the_same_officer_does_not_count_twice(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra))
    ra.approve(act, FIRST)

    assert refusal(ra.approve, act, FIRST)[0] == "approval.twice"
    assert (ra.act(act).state, ra.standing(CITIZEN)) == ("open", GOOD)


def test_the_very_same_approval_again_changes_nothing(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra))
    sent = ra.sign(FIRST, act.sha256)
    ra.send(act, *sent)
    ra.send(act, *sent)
    ra.approve(act, SECOND)
    after = ra.send(act, *sent)

    assert (after.act.state, ra.leaves("ra.approval"), ra.leaves("revocation")) == (
        "executed",
        2,
        2,
    )


def test_an_approval_of_another_act_is_no_approval_of_this(ra: Authority) -> None:
    holding = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    revoking = ra.open("revoke", **revocation(ra))
    sent = ra.sign(FIRST, holding.sha256)

    assert refusal(ra.send, revoking, *sent)[0] == "approval.signature"
    assert ra.leaves("ra.approval") == 0


def test_an_officer_who_was_dismissed_counts_no_more_even_for_what_they_signed(
    ra: Authority,
) -> None:
    act = ra.open("revoke", **revocation(ra))
    ra.approve(act, FIRST)
    ra.decide("dismiss", CHIEF, SECOND, subject=FIRST)
    after = ra.approve(act, SECOND)

    assert (after.act.state, ra.standing(CITIZEN)) == ("open", GOOD)
    again = ra.open("revoke", SECOND, **revocation(ra))
    assert refusal(ra.approve, again, FIRST)[0] == "officer.unknown"
    assert ra.approve(act, CHIEF).act.state == "executed"


@pytest.mark.parametrize(("what", "reason"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_an_officer_whose_certificate_is_not_good_approves_nothing(
    ra: Authority, what: str, reason: str
) -> None:
    act = ra.open("revoke", SECOND, **revocation(ra))
    ra.approve(act, FIRST)
    given = {"reason": "keyCompromise"} if what == "revoke" else {}
    by = (SECOND, CHIEF) if what == "revoke" else (SECOND,)
    ra.decide(what, *by, subject=FIRST, serials=ra.serials(FIRST), **given)

    fresh = ra.open("revoke", SECOND, **revocation(ra))
    code, facts = refusal(ra.approve, fresh, FIRST)
    assert (code, facts["reason"]) == ("approval.certificate", f"certificate.{reason}")
    assert ra.approve(act, SECOND).act.state == "open"  # the earlier one counts no more


def test_a_citizen_approves_nothing(ra: Authority) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    assert refusal(ra.approve, act, CITIZEN)[0] == "officer.unknown"


def test_nobody_approves_in_their_own_matter(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra, subject=SECOND, serials=ra.serials(SECOND)))
    assert refusal(ra.approve, act, SECOND)[0] == "approval.own-matter"


def test_a_signature_with_the_key_to_sign_in_is_no_approval(ra: Authority) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    someone = ra.people[FIRST]
    signature = someone.phone.authentication.sign(
        act.sha256, ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    )

    code, facts = refusal(ra.send, act, someone.enrolled.authentication, signature)
    assert (code, facts["reason"]) == ("approval.certificate", "certificate.purpose")


def test_a_certificate_of_another_issuer_is_no_officers(ra: Authority) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    key, real = ec.generate_private_key(ec.SECP256R1()), ra.people[FIRST].signature
    forged = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .serial_number(real.serial_number)
        .public_key(key.public_key())
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
    )
    for one in real.extensions:
        forged = forged.add_extension(one.value, critical=one.critical)
    encoded = forged.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    signature = key.sign(act.sha256, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    code, facts = refusal(ra.send, act, encoded, signature)
    assert (code, facts["reason"]) == ("approval.certificate", "certificate.untrusted")


@pytest.mark.parametrize("garbage", [b"", b"\x30\x80", b"\x00" * 900, b"\x30\x82\xff\xff"])
def test_hostile_bytes_are_refused(ra: Authority, garbage: bytes) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    certificate, signature = ra.sign(FIRST, act.sha256)

    assert refusal(ra.send, act, garbage, signature)[0] == "approval.certificate"
    assert refusal(ra.send, act, certificate, garbage)[0] == "approval.signature"


def test_an_act_whose_time_is_over_takes_no_approval(ra: Authority) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN), expires_in=300)
    ra.founded.clock.advance(timedelta(seconds=300))

    assert refusal(ra.approve, act, FIRST)[0] == "act.expired"
    assert ra.act(act).state_at(ra.now) == "expired"
    assert ra.standing(CITIZEN) == GOOD


def test_the_same_opening_twice_is_one_act(ra: Authority) -> None:
    content = {"id": str(uuid.uuid4()), **revocation(ra)}
    first = ra.open("revoke", **content)
    ra.founded.clock.advance(timedelta(seconds=5))
    second = ra.open("revoke", **content)
    ra.approve(first, FIRST)
    ra.approve(first, SECOND)
    third = ra.open("revoke", **content)

    assert {one.sha256 for one in (first, second, third)} == {first.sha256}
    assert (third.state, ra.leaves("ra.act")) == ("executed", 1)
    other = {**content, "note": "Something else"}
    assert refusal(ra.open, "revoke", **other)[0] == "act.conflict"


def test_an_act_that_was_carried_out_takes_no_more(ra: Authority) -> None:
    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))
    ra.approve(act, FIRST)

    assert refusal(ra.approve, act, SECOND)[0] == "act.closed"


def test_two_officers_at_once_carry_an_act_out_once(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra))
    ra.approve(act, FIRST)
    states: list[str] = []

    def press(who: str) -> None:
        try:
            states.append(ra.approve(act, who).act.state)
        except Conflict as error:
            states.append(error.code)

    threads = [threading.Thread(target=press, args=(who,)) for who in (SECOND, CHIEF)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(states) == ["act.closed", "executed"]
    assert (ra.leaves("ra.result"), ra.leaves("revocation")) == (1, 2)


def test_two_acts_over_one_certificate_do_not_both_succeed(ra: Authority) -> None:
    one, other = (ra.open("revoke", **revocation(ra)) for _ in range(2))
    for act in (one, other):
        ra.approve(act, FIRST)
    results: list[str] = []

    def press(act: object) -> None:
        try:
            results.append(ra.approve(act, SECOND).act.state)
        except Conflict as error:
            results.append(error.code)

    threads = [threading.Thread(target=press, args=(act,)) for act in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["certificate.revoked_already", "executed"]
    assert {ra.act(one).state, ra.act(other).state} == {"open", "executed"}


def test_an_execution_that_fails_leaves_nothing_behind(ra: Authority) -> None:
    act = ra.open("revoke", **revocation(ra))
    ra.approve(act, FIRST)
    ra.decide("revoke", FIRST, SECOND, **revocation(ra))
    before = ra.leaves("ra.approval")

    assert refusal(ra.approve, act, SECOND)[0] == "certificate.revoked_already"
    assert (ra.act(act).state, ra.leaves("ra.approval")) == ("open", before)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"serials": []}, "act.content"),
        ({"serials": ["0"]}, "act.content"),
        ({"serials": ["deadbeef"]}, "certificate.missing"),
        ({"serials": "deadbeef"}, "act.content"),
        ({"serials": [{"a": 1}]}, "act.content"),
        ({"reason": "removeFromCRL"}, "act.content"),
        ({"reason": None}, "act.content"),
        ({"reason": ["keyCompromise"]}, "act.content"),
        ({"reason": "cACompromise"}, "act.content"),
        ({"subject": FIRST}, "certificate.missing"),
        ({"subject": None}, "certificate.missing"),
        ({"subject": "'; drop"}, "act.content"),
        ({"note": "a\x00b"}, "act.content"),
        ({"note": "x" * 501}, "act.content"),
        ({"note": "\ud800"}, "act.content"),
        ({"case": "../.."}, "act.content"),
        ({"details": {"extra": 1}}, "act.content"),
        ({"details": []}, "act.content"),
        ({"unknown": True}, "act.content"),
        ({"expires_in": True}, "act.content"),
        ({"expires_in": 10**30}, "act.content"),
        ({"id": "not one"}, "act.content"),
        ({"act": "drop"}, "act.content"),
        ({"act": "own-revoke"}, "act.content"),
        ({"opened_by": CITIZEN}, "officer.unknown"),
    ],
)
def test_what_an_act_must_not_say_is_refused(
    ra: Authority, changes: dict[str, object], code: str
) -> None:
    content = {
        "id": str(uuid.uuid4()),
        "act": "revoke",
        "opened_by": FIRST,
        **revocation(ra),
        **changes,
    }
    from pencere.trust.registration.opening import open_act

    with pytest.raises((Invalid, Missing, Refused)) as caught:
        ra.run(lambda connection: open_act(connection, ra.office, content, at=ra.now))
    assert (caught.value.code, ra.leaves("ra.act")) == (code, 0)


def test_only_who_opened_an_act_takes_it_back(ra: Authority) -> None:
    from pencere.trust.registration.opening import withdraw

    act = ra.open("suspend", subject=CITIZEN, serials=ra.serials(CITIZEN))

    def take(fin: str) -> str:
        return ra.run(
            lambda connection: withdraw(
                connection, ra.office, act.id, {"opened_by": fin}, at=ra.now
            )
        ).state

    assert refusal(take, SECOND)[0] == "officer.unknown"
    assert (take(FIRST), take(FIRST)) == ("withdrawn", "withdrawn")
    assert refusal(ra.approve, act, FIRST)[0] == "act.closed"


def test_the_centres_own_certificates_are_out_of_reach(ra: Authority) -> None:
    serial = f"{ra.founded.certificate('tsa').serial_number:x}"
    code, _ = refusal(
        ra.open, "revoke", subject=None, serials=[serial], reason="superseded", note=""
    )
    assert code == "certificate.of-centre"


def test_a_compromised_authority_needs_three_with_a_chief(ra: Authority) -> None:
    serial = f"{ra.founded.certificate('issuing-seal').serial_number:x}"
    act = ra.open(
        "key-compromise",
        serials=[serial],
        reason="cACompromise",
        details={"issuer": "issuing-seal"},
    )
    states = [ra.approve(act, one).act.state for one in (FIRST, SECOND, CHIEF)]

    status = ra.run(
        lambda connection: store.status(
            connection, "root", ra.founded.certificate("issuing-seal").serial_number
        )
    )
    assert (states, status.reason) == (["open", "open", "executed"], 2)


def test_officers_come_and_go_by_officers(ra: Authority) -> None:
    act = ra.open("appoint", subject=CITIZEN, details={"role": "ra-officer"})
    ra.approve(act, FIRST)
    without_chief = ra.approve(act, SECOND).act.state
    with_chief = ra.approve(act, CHIEF).act.state
    assert (without_chief, with_chief) == ("open", "executed")

    again = ra.open("appoint", subject=CITIZEN, details={"role": "ra-officer"})
    ra.approve(again, FIRST)
    assert refusal(ra.approve, again, CHIEF)[0] == "officer.already"
    ra.decide("appoint", CHIEF, FIRST, subject=SECOND, details={"role": "ra-chief"})
    ra.decide("dismiss", SECOND, FIRST, subject=CHIEF)
    last = ra.open("dismiss", FIRST, subject=SECOND)
    ra.approve(last, FIRST)
    assert ra.approve(last, CITIZEN).act.state == "open"  # no chief is left but the one concerned
    listed = ra.run(lambda connection: officers.listing(connection, ra.office))
    assert {(one["fin"], one["role"]) for one in listed if one["ended_at"] is None} == {
        (SECOND, "ra-chief"),
        (FIRST, "ra-officer"),
        (CITIZEN, "ra-officer"),
    }


def test_officers_are_named_from_outside_only_once(ra: Authority) -> None:
    named = ra.run(
        lambda connection: officers.found(connection, ra.office, [(CITIZEN, "ra-chief")], at=ra.now)
    )
    assert named == 0


@pytest.mark.parametrize(
    "statement",
    [
        "update trust.ra_act set content = '{}'",
        "update trust.ra_approval set signature = ''",
        "delete from trust.ra_approval",
        "delete from trust.ra_act",
        "delete from trust.ra_officer",
        "delete from trust.ra_effect",
        "update trust.ra_application set content = ''",
        "truncate trust.ra_act cascade",
        "update trust.ra_act set state = 'open', executed_at = null",
    ],
)
def test_the_record_cannot_be_changed_by_the_service(ra: Authority, statement: str) -> None:
    ra.decide("suspend", FIRST, subject=CITIZEN, serials=ra.serials(CITIZEN))

    with pytest.raises(psycopg.Error):
        ra.run(lambda connection: connection.execute(statement))


def test_every_kind_has_a_quorum_and_the_page_says_the_same() -> None:
    import re
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs/specs/registration-authority.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d)(, a chief among them)? \|", page, re.M)

    assert {kind: (int(count), int(bool(chief))) for kind, count, chief in rows} == {
        kind: (one.officers, one.chiefs) for kind, one in quorums().items()
    }
