"""Documents that were issued: one for a key, good until replaced or withdrawn."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from pencere.documents.code import new_code
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing, Unavailable
from pencere.kernel.text import Text
from pencere.web.issued.domain import finding, folder, issuing, sealing
from pencere.web.issued.domain.issuing import Order
from pencere.web.issued.models import IssuedDocument
from pencere.web.people.models import Person
from pencere.web.texts import texts


@pytest.fixture
def order(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """A certificate to issue. What seals and where files lie is another's test."""
    monkeypatch.setattr(folder, "_path", lambda digest: tmp_path / digest.hex())
    monkeypatch.setattr(sealing, "sealed_pdf", lambda **facts: b"%PDF " + uuid.uuid4().bytes)
    return Order(
        key="c1:1:paper", person=person, kind="residence-certificate/certificate",
        name=Text("Arayış", "Certificate", "Справка"), service="residence-certificate",
        case="BPQMI-2026-000001", body="bpqmi", language="az", template=tmp_path, values={},
    )  # fmt: skip


def leaves() -> list[dict[str, Any]]:
    """Return the leaves of documents; the log also keeps what other tests committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select kind, convert_from(entry, 'utf8') from ledger.pending"
            " where kind like 'document%' order by id"
        )
        return [{"kind": kind, **json.loads(entry)} for kind, entry in cursor.fetchall()]


def said(document: IssuedDocument) -> str:
    return Client().get(f"/en/verify/{document.code}/").content.decode()


def test_issuing_twice_is_one_document(order: Order, clock: FixedClock) -> None:
    first, second = (issuing.issue(order, at=clock.now()) for _ in range(2))

    assert (first, IssuedDocument.objects.count(), len(leaves())) == (second, 1, 1)
    assert folder.content_of(bytes(first.sha256)).startswith(b"%PDF")


def test_a_worker_killed_between_sealing_and_noting_issues_one(
    order: Order, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(issuing, "_record", killed)
        with pytest.raises(SystemExit):
            issuing.issue(order, at=clock.now())

    document = issuing.issue(order, at=clock.now())

    assert list(IssuedDocument.objects.all()) == [document]


def test_without_a_seal_nothing_is_issued(
    order: Order, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(**_: Any) -> bytes:
        raise Unavailable("seal.unavailable")

    monkeypatch.setattr(sealing, "sealed_pdf", silent)
    with pytest.raises(Unavailable):
        issuing.issue(order, at=clock.now())

    assert (IssuedDocument.objects.count(), leaves()) == (0, [])


def test_a_newer_document_replaces_only_earlier_ones_of_its_kind_and_person(
    order: Order, clock: FixedClock, make_person: Callable[..., Person]
) -> None:
    stranger = make_person("4LEYL82")
    old = issuing.issue(order, at=clock.now())
    theirs = issuing.issue(replace(order, key="c2", person=stranger), at=clock.now())
    other = issuing.issue(replace(order, key="c3", kind="x/y"), at=clock.now())
    clock.advance(timedelta(days=1))
    new = issuing.issue(replace(order, key="c4"), at=clock.now())

    counts = [
        issuing.supersede(person=order.person, kind=order.kind, by=new, at=clock.now())
        for _ in range(2)
    ]

    for one in (old, theirs, other, new):
        one.refresh_from_db()
    assert counts == [1, 0]
    assert [one.status for one in (old, theirs, other, new)] == [
        "superseded", "valid", "valid", "valid",
    ]  # fmt: skip
    assert old.superseded_by == new
    assert leaves()[-1] == {
        "at": leaves()[-1]["at"], "code": old.code, "kind": "document-status",
        "reason": "replaced", "status": "superseded",
    }  # fmt: skip


def test_verification_says_how_a_document_stands_and_names_nobody(
    order: Order, clock: FixedClock
) -> None:
    document = issuing.issue(order, at=clock.now())
    good = said(document)
    new = issuing.issue(replace(order, key="k2"), at=clock.now())
    issuing.supersede(person=order.person, kind=order.kind, by=new, at=clock.now())
    replaced = said(document)
    issuing.revoke(code=document.code, reason="mistake", at=clock.now())
    withdrawn = said(document)

    pages = (good, replaced, withdrawn)
    words = [
        texts().say(f"verify.{verdict}", "en") for verdict in ("good", "superseded", "revoked")
    ]
    assert [[word in page for word in words] for page in pages] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert not any("Quliyeva" in page or "5KQ2R7A" in page for page in pages)


def test_only_its_owner_finds_a_document(
    order: Order, clock: FixedClock, make_person: Callable[..., Person],
    sign_in: Callable[..., Client],
) -> None:  # fmt: skip
    document = issuing.issue(order, at=clock.now())
    stranger = make_person("4LEYL82")
    addresses = [f"/az/documents/{document.code}/", f"/az/documents/{document.code}/file.pdf"]

    mine = [sign_in(order.person).get(address).status_code for address in addresses]
    theirs = [sign_in(stranger).get(address).status_code for address in addresses]
    nobody = [Client().get(address).status_code for address in addresses]

    assert (mine, theirs, nobody) == ([200, 200], [404, 404], [302, 302])
    assert list(finding.documents_of(stranger)) == []


def test_a_file_that_was_changed_on_disk_is_not_given_out(
    order: Order, clock: FixedClock, tmp_path: Path
) -> None:
    document = issuing.issue(order, at=clock.now())
    path = tmp_path / bytes(document.sha256).hex()
    path.write_bytes(path.read_bytes() + b"!")

    with pytest.raises(Missing):
        folder.content_of(bytes(document.sha256))


@pytest.mark.parametrize(
    "typed",
    ["", "abc", "0" * 19, "0" * 21, "U" * 20, "٣" * 20, "0" * 65, "<script>", "%00", "' or 1=1 --"],
)
def test_what_is_no_code_is_refused_before_anything_is_looked_up(order: Order, typed: str) -> None:
    page = Client().get("/az/verify/", {"code": typed})

    assert page.status_code == (422 if typed else 200)


def test_a_code_is_read_as_people_write_it(order: Order, clock: FixedClock) -> None:
    document = issuing.issue(order, at=clock.now())
    written = "-".join(document.code[at : at + 5] for at in range(0, 20, 5)).lower()

    lead = Client().get("/az/verify/", {"code": f" {written} "})

    assert lead.headers["location"] == f"/az/verify/{document.code}/"


def test_a_code_cannot_be_guessed() -> None:
    codes = {new_code() for _ in range(1000)}

    assert (len(codes), {len(code) for code in codes}) == (1000, {20})
    assert len(set("".join(codes))) ** 20 >= 2**99  # trying a million a second takes ages
