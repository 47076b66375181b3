"""A registration authority with three officers, people with phones, and hands that sign."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tests.trust.conftest import (
    NOW,
    Copies,
    Enrolee,
    Founded,
    TestPhone,
    centre_at,
)

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import FixedClock
from pencere.trust.ceremony import Person
from pencere.trust.registration import acts, applications, approvals, listing, opening
from pencere.trust.registration import officers as ra_officers
from pencere.trust.registration.approvals import Approved
from pencere.trust.registration.office import Office, instant

CHIEF, FIRST, SECOND, CITIZEN = "1CHEF23", "2FRST34", "3SCND45", "4CTZN56"


@dataclass
class Authority:
    """The registration authority on a database of its own, called as the service calls it."""

    founded: Founded
    people: dict[str, Enrolee] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.founded.clock.now()

    @property
    def office(self) -> Office:
        keys = self.founded.centre.keystore
        return Office(
            "AZ",
            b"k" * 32,
            (keys.certificates("issuing-person")[0], keys.certificates("root")[0]),
        )

    def person(self, fin: str, **changes: Any) -> Enrolee:
        person = Person(fin, "Quliyeva", "Aydan", f"+9945012{len(self.people):05d}")
        phone = TestPhone.make()
        self.people[fin] = Enrolee(
            person, phone, self.founded.centre.issue_person(person, phone.enrolment())
        )
        return self.people[fin]

    def run(self, work: Callable[[psycopg.Connection], Any]) -> Any:
        """Do something in one transaction, as a route does."""
        with self.founded.connect() as connection:
            return work(connection)

    def open(self, act: str, by: str = FIRST, **given: Any) -> acts.Act:
        content = {"id": str(uuid.uuid4()), "act": act, "opened_by": by, **given}
        return self.run(
            lambda connection: opening.open_act(connection, self.office, content, at=self.now)[0]
        )

    def sign(self, fin: str, digest: bytes) -> tuple[bytes, bytes]:
        """What the person's phone gives: certificate and signature."""
        someone = self.people[fin]
        key = someone.phone.signature
        return someone.enrolled.signature, key.sign(
            digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))
        )

    def approve(self, act: acts.Act, by: str, digest: bytes | None = None) -> Approved:
        certificate, signature = self.sign(by, act.sha256 if digest is None else digest)
        return self.send(act, certificate, signature)

    def send(self, act: acts.Act, certificate: bytes, signature: bytes) -> Approved:
        return self.run(
            lambda connection: approvals.approve(
                connection,
                self.office,
                act.id,
                certificate=certificate,
                signature=signature,
                at=self.now,
            )
        )

    def decide(self, act: str, *by: str, **given: Any) -> Approved:
        """Open an act and approve it by all of these."""
        opened = self.open(act, by[0], **given)
        done = [self.approve(opened, one) for one in by]
        return done[-1]

    def act(self, opened: acts.Act) -> acts.Act:
        return self.run(lambda connection: acts.find(connection, opened.id))

    def certificates(self, fin: str) -> list[dict[str, Any]]:
        return self.run(
            lambda connection: listing.certificates(
                connection, holder=self.office.holder(fin), at=self.now
            )
        )

    def standing(self, fin: str) -> set[tuple[str, str]]:
        return {(one["profile"], one["status"]) for one in self.certificates(fin)}

    def serials(self, fin: str) -> list[str]:
        return sorted(one["serial"] for one in self.certificates(fin))

    def leaves(self, kind: str) -> int:
        return self.run(
            lambda connection: connection.execute(
                "select count(*) from ledger.pending where kind = %s", (kind,)
            ).fetchone()[0]
        )

    def application(self, fin: str, **changes: Any) -> applications.Application:
        names = {"fin": fin, "surname": "Quliyeva", "given_name": "Aydan"}
        given = {
            "id": str(uuid.uuid4()),
            "opened_by": FIRST,
            "case": None,
            "person": {**names, "phone": "+994501112233"},
            "identity": {
                "method": "in-person",
                "document": "AA1234567",
                "register": {
                    "message_id": "m-1",
                    "service": "AZ/GOV/ddx/population/person",
                    "answered_at": instant(self.now),
                    "person": names,
                },
            },
            **changes,
        }
        return self.run(
            lambda connection: applications.open_application(
                connection, self.office, given, at=self.now
            )[0]
        )


@pytest.fixture(scope="session")
def _registered(
    postgres: object, _foundation: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Copies, dict[str, Enrolee]]:
    """Enrol officers and a citizen once; each test gets a copy of that."""
    base = tmp_path_factory.mktemp("registered")
    url, folder = Copies(postgres, *_foundation, base).take()
    clock = FixedClock(NOW)
    authority = Authority(Founded(centre_at(url, folder, clock), clock, url, folder))
    for fin in (CHIEF, FIRST, SECOND, CITIZEN):
        authority.person(fin)
    roles = [(CHIEF, "ra-chief"), (FIRST, "ra-officer"), (SECOND, "ra-officer")]
    named = authority.run(
        lambda connection: ra_officers.found(connection, authority.office, roles, at=authority.now)
    )
    assert named == 3
    authority.founded.centre.issuance.close()  # nobody may be connected to what is copied
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    return Copies(postgres, name, folder, base / "copies"), authority.people


@pytest.fixture
def ra(_registered: tuple[Copies, dict[str, Enrolee]]) -> Iterator[Authority]:
    copies, people = _registered
    url, folder = copies.take()
    clock = FixedClock(NOW)
    centre = centre_at(url, folder, clock)
    yield Authority(Founded(centre, clock, url, folder), dict(people))
    centre.issuance.close()
    copies.give_back()


def digest_of(act: acts.Act) -> bytes:
    """What an officer's page computes from the act it was shown."""
    return hashlib.sha256(canonical_json(act.said)).digest()
