"""Both sides sign an agreement; only then there is a right, and it ends when it ends."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import override_settings
from tests.web.stateregister.conftest import Pens

from pencere.countries.country import Country
from pencere.documents.formats.reading import read
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, PencereError, Refused
from pencere.web.notifications.models import Message
from pencere.web.stateregister.domain import (
    accords,
    agreements,
    founding,
    loading,
    reading,
    reminders,
    signing,
)
from pencere.web.stateregister.domain.accord_terms import checks
from pencere.web.stateregister.domain.directory import directory_content
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.models import Accord, Agreement, Description, Signature

pytestmark = pytest.mark.django_db
ToSign = Callable[..., Accord]


def in_directory(agreement: str) -> dict[str, Any] | None:
    content = directory_content("AZ")
    return next((one for one in content["agreements"] if one["id"] == agreement), None)


def test_one_signature_gives_no_right_and_both_do(to_sign: ToSign, sign: Any) -> None:
    row = to_sign()

    before = in_directory(row.agreement_id)
    after_one = sign(row, "consumer")
    right_of_one = in_directory(row.agreement_id)
    after_both = sign(row, "provider")

    assert (before, right_of_one) == (None, None)
    assert (after_one.state, after_both.state) == ("signing", "in-force")
    assert in_directory(row.agreement_id) == {
        "id": row.agreement_id,
        "consumer": "AZ/GOV/dma/employment",
        "service": "AZ/GOV/bpqmi/population/person",
        "endpoints": [["POST", "/query"], ["GET", "/records/*"],
                      ["GET", "/records/*/versions"], ["POST", "/transactions"],
                      ["POST", "/records"], ["PUT", "/records/*"],
                      ["POST", "/records/*/annul"], ["POST", "/numbers"]],
        "purposes": ["job-matching"],
        "legal_bases": ["mesgulluq-haqqinda"],
        "demands": ["case"],
        "from": "2026-11-23",
        "until": "2028-12-31",
        "fields": ["family", "given"],
        "rate": {"per_second": 10, "burst": 20},
        "quota": {"per": "day", "count": 10000},
    }  # fmt: skip


def test_both_signatures_are_in_one_container_that_anybody_can_read(
    to_sign: ToSign, sign: Any, pens: Pens, clock: FixedClock
) -> None:
    row = to_sign()
    sign(row, "consumer")
    sign(row, "provider")

    found = read(signing.container(row))

    assert (len(found.signatures), found.problems) == (2, ())
    assert [one.name for one in found.files] == [f"{row.number}.pdf"]
    assert [one.problem for one in signing.judge(row, pens.verifier, at=clock.now())] == ["", ""]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"content": b"%PDF another"}, "signature.malformed"),
        ({"pen": "stranger"}, "stateregister.signature_other"),
        ({"actor": "stranger"}, "stateregister.not_yours"),
        ({"actor": "proposer"}, "stateregister.not_yours"),
        ({"actor": "holder_signatory"}, "stateregister.not_yours"),
        ({"actor": "approver"}, "stateregister.not_yours"),
    ],
)
def test_a_signature_over_other_bytes_or_of_another_person_does_not_count(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor], changes: dict[str, Any], code: str
) -> None:
    row = to_sign()
    given = {
        key: officers[value].person if key == "pen" else officers[value] if key == "actor"
        else value for key, value in changes.items()
    }  # fmt: skip

    with pytest.raises(PencereError) as refused:
        sign(row, "consumer", **given)

    assert (refused.value.code, Signature.objects.count()) == (code, 0)


def test_a_kept_signature_that_was_tampered_with_puts_nothing_in_force(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor], pens: Pens
) -> None:
    row = to_sign()
    forged = pens.sign(officers["signatory"].person, b"%PDF of other terms")
    Signature.objects.create(
        accord=row, side="consumer", person=officers["signatory"].person, cades=forged,
        document_sha256=bytes(row.document_sha256 or b""), signed_at=row.made_at, leaf_hash=b"",
    )  # fmt: skip

    with pytest.raises(Refused) as refused:
        sign(row, "provider")

    assert refused.value.code == "stateregister.signature_false"
    assert in_directory(row.agreement_id) is None


def test_nobody_signs_for_both_sides(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor]
) -> None:
    row = to_sign()
    both = Actor(
        officers["signatory"].person,
        (*officers["signatory"].offices, *officers["holder_signatory"].offices),
    )
    sign(row, "consumer", actor=both)

    with pytest.raises(Refused):
        sign(row, "provider", actor=both)


@pytest.mark.parametrize(
    ("terms", "failing"),
    [
        ({"purposes": ["spying"]}, ["purposes_known"]),
        ({"purposes": []}, ["purposes_known"]),
        ({"legal_bases": ["yol-herekati-haqqinda"]}, ["bases_fit"]),
        ({"legal_bases": []}, ["bases_known", "bases_fit"]),
        ({"fields": ["salary"]}, ["fields_described"]),
        ({"endpoints": [["DELETE", "/records/*"]]}, ["endpoints_offered"]),
        ({"service": "ghost"}, ["service_offered", "endpoints_offered"]),
        ({"until": "2026-11-22"}, ["days_in_order"]),
        ({"until": "2040-01-01"}, ["days_in_order"]),
        ({"quota": {"per": "hour", "count": 1}}, ["limits_given"]),
        ({"represents": ["GOV/atlantis"]}, ["represented_known"]),
        ({"suppress": {"bases": ["emeliyyat-axtaris-haqqinda"], "days": 30}}, ["suppress_fits"]),
        ({"suppress": {"bases": ["mesgulluq-haqqinda"], "days": 366}}, ["suppress_fits"]),
        ({"suppress": {"bases": ["mesgulluq-haqqinda"], "days": 0}}, ["suppress_fits"]),
        ({"suppress": {"bases": [], "days": 30}}, ["suppress_fits"]),
        ({"persons": 0}, ["persons_given"]),
    ],
)
def test_the_register_checks_before_anybody_signs(
    founded: None, to_sign: ToSign, terms: dict[str, Any], failing: list[str], clock: FixedClock
) -> None:
    with pytest.raises(Conflict) as refused:
        to_sign(**terms)

    (row,) = Accord.objects.all()
    found = [one.code for one in checks(row, on=date(2026, 11, 23)) if not one.holds]
    assert (refused.value.code, [one for one in found if one != "asked_once"]) == (
        "stateregister.not_complete", failing,
    )  # fmt: skip


def test_the_provider_may_return_with_other_terms(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> None:
    at = clock.now()
    row = accords.begin(
        wants=reading.system("dma", "employment"),
        holder=reading.system("bpqmi", "population"),
        service="person", actor=officers["proposer"], at=at,
    )  # fmt: skip
    said = {"purposes": ["job-matching"], "legal_bases": ["mesgulluq-haqqinda"],
            "fields": ["family", "given", "born"], "persons": 9}  # fmt: skip
    row = accords.save(row.number, version=row.version, terms=said, actor=officers["proposer"],
                       at=at)  # fmt: skip
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    with pytest.raises(Refused):
        accords.save(row.number, version=row.version, terms={"fields": ["family"]},
                     actor=officers["proposer"], at=at)  # fmt: skip
    row = accords.save(row.number, version=row.version, terms={"fields": ["family"]},
                       actor=officers["holder"], at=at)  # fmt: skip
    row = accords.give_back(row.number, version=row.version, actor=officers["holder"],
                            reason="Doğum tarixi bu məqsəd üçün artıqdır", at=at)  # fmt: skip

    assert (row.state, row.terms["fields"]) == ("draft", ["family"])


def test_an_amendment_counts_when_it_is_signed_and_not_before(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    first = to_sign()
    sign(first, "consumer")
    sign(first, "provider")
    at = clock.now()
    row = accords.amend(first.agreement_id, actor=officers["proposer"], at=at)
    again = accords.amend(first.agreement_id, actor=officers["proposer"], at=at)
    row = accords.save(row.number, version=row.version, terms={"fields": ["family"]},
                       actor=officers["proposer"], at=at)  # fmt: skip
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
    row = accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)
    sign(row, "consumer")
    before = in_directory(first.agreement_id)
    sign(row, "provider")
    after = in_directory(first.agreement_id)

    assert again.number == row.number
    assert before is not None
    assert after is not None
    assert (before["fields"], after["fields"]) == (["family", "given"], ["family"])
    first.refresh_from_db()
    assert first.state == "replaced"


def test_a_suspended_agreement_leaves_the_directory_and_comes_back(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> None:
    name, at = "portal-person-own", clock.now()
    guard = officers["holder_signatory"]
    with pytest.raises(Refused):
        agreements.suspend(name, actor=officers["signatory"], reason="Yoxlama gedir", at=at)
    agreements.suspend(name, actor=guard, reason="Yoxlama aparılır", at=at)
    suspended = in_directory(name)
    loading.load_country(Country.load("az"))
    founding.found(Country.load("az"), at=at)
    after_up = in_directory(name)
    agreements.resume(name, actor=guard, reason="Yoxlama bitdi, hər şey qaydasındadır", at=at)

    assert (suspended, after_up) == (None, None)
    assert in_directory(name) is not None


def test_notice_ends_an_agreement_after_its_days_and_then_it_leaves_the_directory(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor], clock: FixedClock,
    people: dict[str, Any],
) -> None:  # fmt: skip
    row = to_sign()
    sign(row, "consumer")
    sign(row, "provider")

    ended = agreements.terminate(row.agreement_id, actor=officers["signatory"],
                              reason="Məlumat artıq lazım deyil", at=clock.now())  # fmt: skip
    until = in_directory(row.agreement_id)
    assert until is not None
    assert (ended.last_day, until["until"]) == (date(2026, 12, 23), "2026-12-23")
    clock.advance(timedelta(days=30))
    on_the_day = (reminders.agreements(at=clock.now()), in_directory(row.agreement_id) is None)
    clock.advance(timedelta(days=1))
    the_day_after = (reminders.agreements(at=clock.now()), in_directory(row.agreement_id) is None)

    assert (on_the_day, the_day_after) == ((0, False), (1, True))
    titles = Message.objects.filter(person=people["holder"]).values_list("title__az", flat=True)
    assert f"Sazişə xitam bildirişi: {row.agreement_id}" in titles


def test_the_directory_says_what_the_country_s_data_says(founded: None) -> None:
    content = directory_content("AZ")
    first = {one["id"] for one in content["agreements"]}
    described = Description.objects.count()

    loading.load_country(Country.load("az"))
    founding.found(Country.load("az"), at=Description.objects.all()[0].made_at)

    assert directory_content("AZ") == content
    assert first == set(Agreement.objects.filter(is_active=True).values_list("id", flat=True))
    assert Description.objects.count() == described


def test_whether_accesses_may_be_hidden_is_what_both_signed_last(
    to_sign: ToSign, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    hidden = {"bases": ["mesgulluq-haqqinda"], "days": 30}
    first = to_sign(suppress=hidden, represents=["GOV/dyp"])
    sign(first, "consumer")
    sign(first, "provider")
    before = in_directory(first.agreement_id)
    at = clock.now()
    row = accords.amend(first.agreement_id, actor=officers["proposer"], at=at)
    kept = row.terms["suppress"]
    row = accords.save(row.number, version=row.version, actor=officers["proposer"], at=at,
                       terms={"suppress": None, "represents": []})  # fmt: skip
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
    row = accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)
    sign(row, "consumer")
    sign(row, "provider")
    after = in_directory(first.agreement_id)

    assert before is not None
    assert after is not None
    assert (before["suppress"], before["represents"], kept) == (hidden, ["GOV/dyp"], hidden)
    assert "suppress" not in after
    assert "represents" not in after


@override_settings(ROOT_URLCONF="pencere.web.urls.portal")
def test_the_code_on_the_document_says_who_has_signed(
    to_sign: ToSign, sign: Any, client: Any
) -> None:
    row = to_sign()
    sign(row, "consumer")
    before = client.get(f"/en/verify/{row.code}/").content.decode()
    sign(row, "provider")
    after = client.get(f"/en/verify/{row.code}/").content.decode()

    assert (before.count("has signed"), before.count("has not signed")) == (1, 1)
    assert "not in force" in before
    assert (after.count("has signed"), "not in force" in after) == (2, False)
