"""Who looked at my data: told by day and application, each access with its proof."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from pencere.kernel.errors import Unavailable
from pencere.web.exchange import Usage, Usages
from pencere.web.people.models import Person
from pencere.web.portal.window.access_days import access_of, by_day

EXCHANGE = "00000000-0000-4000-8000-{:012d}"


def usage(n: int, at: str, **changes: Any) -> Usage:
    facts: dict[str, Any] = {
        "at": at, "action": "POST /query", "receiver": "idda", "system": "portal",
        "service": "AZ/GOV/dyp/dyp/disqualification", "purpose": "fitness",
        "legal_basis": "yol-herekati-haqqinda", "case": "DYP-2026-000001",
        "exchange": EXCHANGE.format(n), "leaf": None, "proof": (), "checkpoint": "",
        "represented": "dyp",
    }  # fmt: skip
    return Usage(**{**facts, **changes})


class Owners:
    """The owners of registers, each with its own list, as findUsage pages it."""

    def __init__(self, **usages: list[Usage]) -> None:
        self.usages = usages
        self.silent: set[str] = set()

    def find_usage(
        self, *, subsystem: str, limit: int, offset: int, before: datetime | None,
        exchange: str | None, **_: Any,
    ) -> Usages:  # fmt: skip
        if subsystem in self.silent:
            raise Unavailable("register.unavailable", register=subsystem)
        found = [
            one
            for one in self.usages.get(subsystem, [])
            if (before is None or datetime.fromisoformat(one.at) < before)
            and (exchange is None or one.exchange == exchange)
        ]
        return Usages(len(found), tuple(found[offset : offset + limit]))


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> Owners:
    made = Owners()
    monkeypatch.setattr("pencere.web.portal.window.access.gateway", lambda: made)
    return made


@pytest.mark.parametrize(
    ("changes", "who", "what"),
    [
        ({"represented": "", "is_self": True}, "Siz, portal vasitəsilə",
         "Sürücülük hüququnun məhdudlaşdırılması"),
        ({}, "DİN Baş Dövlət Yol Polisi İdarəsi, portal vasitəsilə",
         "Sürücülük hüququnun məhdudlaşdırılması"),
        ({"is_automatic": True}, "DİN Baş Dövlət Yol Polisi İdarəsi, avtomatik",
         "Sürücülük hüququnun məhdudlaşdırılması"),
        ({"represented": "", "is_automatic": True}, "Sistem, avtomatik",
         "Sürücülük hüququnun məhdudlaşdırılması"),
        ({"represented": ""}, "Qurumun əməkdaşı, portal vasitəsilə",
         "Sürücülük hüququnun məhdudlaşdırılması"),
        ({"action": "POST /transactions"}, "DİN Baş Dövlət Yol Polisi İdarəsi, portal vasitəsilə",
         "Sürücülük hüququnun məhdudlaşdırılması: qeyd dəyişib"),
        ({"service": "AZ/GOV/idda/portal/deliverEvent", "action": "POST /residence-changed",
          "receiver": "bpqmi", "system": "population", "represented": ""},
         "DİN Baş Pasport, Qeydiyyat və Miqrasiya İdarəsi",
         "Hadisə bildirildi: ünvanın dəyişməsi"),
    ],
)  # fmt: skip
def test_who_looked_is_the_person_the_body_or_the_system(
    changes: dict[str, Any], who: str, what: str
) -> None:
    with translation.override("az"):
        found = access_of(usage(1, "2026-11-22T10:00:00.000Z", **changes), "dyp", "az")

    assert (found.who, found.what, found.time) == (who, what, "14:00")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({}, ""),
        ({"outcome": "fault", "status": 403}, "məlumat verilməyib"),
        ({"status": 404}, "məlumat verilməyib"),
        ({"outcome": "interrupted", "status": 0}, "nəticəsi məlum deyil"),
    ],
)
def test_an_access_that_gave_nothing_says_so(changes: dict[str, Any], note: str) -> None:
    with translation.override("az"):
        found = access_of(usage(1, "2026-11-22T10:00:00.000Z", **changes), "dyp", "az")

    assert found.note == note


def test_the_same_look_of_a_day_is_one_line_and_a_day_is_that_of_baku() -> None:
    with translation.override("az"):
        accesses = [
            access_of(usage(n, at, **changes), "dyp", "az")
            for n, (at, changes) in enumerate(
                [
                    ("2026-11-21T19:59:00.000Z", {}),
                    ("2026-11-21T20:01:00.000Z", {}),
                    ("2026-11-22T09:00:00.000Z", {}),
                    ("2026-11-22T10:00:00.000Z", {"represented": "", "is_self": True}),
                    ("2026-11-22T11:00:00.000Z", {"case": ""}),
                ]
            )
        ]
        days = by_day(accesses, "az")

    told = [
        (day.heading, case.number, [(entry.span, len(entry.accesses)) for entry in case.entries])
        for day in days
        for case in day.cases
    ]
    assert told == [
        ("22 noyabr 2026", "", [("15:00", 1)]),
        ("22 noyabr 2026", "DYP-2026-000001", [("14:00", 1), ("00:01–13:00", 2)]),
        ("21 noyabr 2026", "DYP-2026-000001", [("23:59", 1)]),
    ]


def test_the_page_goes_back_day_by_day_and_shows_each_access_once(
    person: Person, sign_in: Callable[..., Client], owners: Owners
) -> None:
    start = datetime.fromisoformat("2026-11-22T10:00:00.000+00:00")
    every = [
        usage(n, (start - timedelta(hours=3 * n)).isoformat(), purpose=f"p{n}") for n in range(250)
    ]
    owners.usages = {"dyp": every[::2], "population": every[1::2]}
    browser, address, seen, pages = sign_in(person), "/az/window/access/", [], 0
    while address:
        page = browser.get(address).content.decode()
        seen += [one.exchange for one in every if one.exchange in page]
        pages += 1
        older = re.search(r'quiet" href="(/az/window/access/\?before=[0-9-]+)"', page)
        assert pages < 10
        address = older[1] if older else ""

    assert seen == [one.exchange for one in every]
    assert 3 <= pages <= 6


@pytest.mark.parametrize(
    ("before", "status"),
    [("2026-11-22", 200), ("0001-01-01", 200), ("9999-12-31", 200), ("gestern", 400)],
)
def test_any_day_may_be_asked_for(
    person: Person, sign_in: Callable[..., Client], owners: Owners, before: str, status: int
) -> None:
    page = sign_in(person).get("/az/window/access/", {"before": before})

    assert page.status_code == status


def test_one_silent_owner_hides_only_its_own_list(
    person: Person, sign_in: Callable[..., Client], owners: Owners
) -> None:
    owners.usages = {"dyp": [usage(1, "2026-11-22T10:00:00.000Z")]}
    owners.silent = {"population"}

    page = sign_in(person).get("/az/window/access/").content.decode()

    assert "hazırda cavab vermir" in page
    assert EXCHANGE.format(1) in page


@pytest.mark.parametrize(
    ("exchange", "status"), [(EXCHANGE.format(1), 200), (EXCHANGE.format(2), 404), ("x", 404)]
)
def test_the_proof_of_an_old_access_is_found_by_its_number(
    person: Person, sign_in: Callable[..., Client], owners: Owners, exchange: str, status: int
) -> None:
    owners.usages = {"dyp": [usage(1, "2020-11-22T10:00:00.000Z")]}

    page = sign_in(person).get(f"/az/window/access/dyp/{exchange}/")

    assert page.status_code == status
