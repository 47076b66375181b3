"""The page of a service: what it costs today, how it goes in practice, on what basis."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.cases.models import Case
from pencere.web.catalogue.domain.practice import forget_practice
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.people.models import Person
from pencere.web.portal.services.fee_now import fee_now
from pencere.web.texts import texts

pytestmark = pytest.mark.django_db

LICENCE = "driving-licence-replace"
FREE = "residence-certificate"


@pytest.fixture(autouse=True)
def _counted_anew() -> Iterator[None]:
    forget_practice()
    yield
    forget_practice()


def facts(browser: Client, service: str, language: str = "az") -> list[str]:
    page = browser.get(f"/{language}/services/{service}/?fresh=1").content.decode()
    box = re.search(r'<dl class="facts">(.*?)</dl>', page, re.DOTALL)
    assert box is not None
    rows = box[1].split("</div>")[:-1]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in rows]


def decided(person: Person, took: timedelta, *, at: datetime, outcome: str = "granted") -> None:
    number = f"DYP-2026-{Case.objects.count():06d}"
    Case.objects.create(
        number=number, person=person, service=LICENCE, definition_version=1,
        definition_sha256="", body="dyp", language="az", machine_sealed=b"", version=1,
        state="issued", outcome=outcome, application_sealed=b"", application_sha256=b"",
        leaf_hash=b"", submitted_at=at - took, closed_at=at,
    )  # fmt: skip


def test_the_fee_of_today_stands_there_and_for_who_is_here_it_is_theirs(
    person: Person, sign_in: Callable[..., Client]
) -> None:
    everybody, theirs = facts(Client(), LICENCE), facts(sign_in(person), LICENCE)

    assert everybody == ["Rüsum 30,00 AZN Bu gün üçün", "Qanuni müddət 1 iş günü"]
    assert theirs[0] == "Rüsum 30,00 AZN Sizin üçün, bu gün"


def test_a_service_without_a_fee_is_free_in_every_language() -> None:
    assert [facts(Client(), FREE, language)[0] for language in ("az", "en", "ru")] == [
        "Rüsum Pulsuz Bu gün üçün",
        "Fee Free As of today",
        "Сбор Бесплатно На сегодня",  # noqa: RUF001 - Russian
    ]


@pytest.mark.parametrize(
    ("day", "amount"),
    [(date(2021, 12, 31), 2500), (date(2022, 1, 1), 3000), (date(2026, 11, 22), 3000)],
)
def test_the_fee_follows_the_law_of_the_day(day: date, amount: int) -> None:
    definition = catalogue().definition(LICENCE)

    fee = fee_now(definition, on=day)

    assert fee is not None
    assert (fee.amount, [basis.act for basis in fee.grounds]) == (
        amount,
        ["dovlet-rusumu-haqqinda"],
    )


def test_before_any_law_the_page_names_no_sum() -> None:
    assert fee_now(catalogue().definition(LICENCE), on=date(2014, 12, 31)) is None


def test_nothing_is_said_of_practice_while_nothing_was_decided(
    person: Person, clock: FixedClock
) -> None:
    decided(person, timedelta(hours=3), at=clock.now(), outcome="withdrawn")
    decided(person, timedelta(hours=3), at=clock.now() - timedelta(days=366))

    assert len(facts(Client(), LICENCE)) == 2


def test_practice_is_the_median_and_people_counted_once(
    make_person: Callable[..., Person], clock: FixedClock
) -> None:
    one, other = make_person(), make_person("4LEYL82", "Leyla", "Məmmədova")
    for person, hours in ((one, 3), (one, 5), (other, 90)):
        decided(person, timedelta(hours=hours), at=clock.now() - timedelta(days=1))

    assert facts(Client(), LICENCE, "en")[2:] == [
        "Usually takes 5 hours half of them less",
        "Used it in the last 12 months 2 people",
    ]


@pytest.mark.parametrize(
    ("took", "said"),
    [
        (timedelta(seconds=59), "Bir dəqiqədən az"),
        (timedelta(minutes=1), "1 dəqiqə"),
        (timedelta(minutes=119), "119 dəqiqə"),
        (timedelta(hours=2), "2 saat"),
        (timedelta(hours=47, minutes=59), "47 saat"),
        (timedelta(days=2), "2 gün"),
    ],
)
def test_the_time_is_said_in_a_fitting_unit(
    person: Person, clock: FixedClock, took: timedelta, said: str
) -> None:
    decided(person, took, at=clock.now() - timedelta(days=1))

    assert facts(Client(), LICENCE)[2] == f"Adətən nə qədər çəkir {said} yarısı bundan tez"


def test_the_catalogue_is_counted_with_one_query_for_all_services(
    clock: FixedClock, django_assert_num_queries: Callable[[int], object]
) -> None:
    browser = Client()
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        for service in (LICENCE, FREE, LICENCE):
            facts(browser, service)


def test_every_word_of_the_catalogue_has_a_text() -> None:
    words = {f"service.audience.{one}" for entry in catalogue().all for one in entry.audience}
    words |= {
        f"service.channel.{one.replace('-', '_')}"
        for entry in catalogue().all
        for one in entry.channels
    }

    assert {word for word in words if word not in texts()} == set()
