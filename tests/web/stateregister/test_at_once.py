"""Two people, or two processes, at once: one thing happens, in one order."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from pencere.gateway.throwaway import make_key
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import PencereError
from pencere.trust.signers import SoftwareSigner
from pencere.web.stateregister.domain import accords, agreements, directory, reading
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.models import Accord, Act, Agreement, Publication, Signature

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Məlumatın istifadəsi yoxlanılır"


def at_once(*steps: Callable[[], object]) -> list[object]:
    """Take steps at the same moment, each on a connection of its own; return what came of each."""
    start = threading.Barrier(len(steps))
    found: list[object] = [None] * len(steps)

    def take(place: int) -> None:
        start.wait()
        try:
            found[place] = steps[place]()
        except PencereError as refusal:
            found[place] = refusal.code
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=[place]) for place in range(len(steps))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


def test_of_two_presses_there_is_one_draft(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> None:
    def press() -> str:
        return accords.begin(
            wants=reading.system("dma", "employment"),
            holder=reading.system("bpqmi", "population"),
            service="person", actor=officers["proposer"], at=clock.now(),
        ).number  # fmt: skip

    first, second = at_once(press, press)

    assert first == second
    assert Accord.objects.count() == 1


def test_of_two_amendments_at_once_there_is_one(
    in_force: Accord, officers: dict[str, Actor], clock: FixedClock
) -> None:
    def amend() -> str:
        return accords.amend(
            in_force.agreement_id, actor=officers["proposer"], at=clock.now()
        ).number

    first, second = at_once(amend, amend)

    assert first == second
    assert Accord.objects.filter(is_amendment=True).count() == 1


def test_two_people_who_write_the_same_text_do_not_undo_one_another(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> None:
    at, actor = clock.now(), officers["proposer"]
    row = accords.begin(
        wants=reading.system("dma", "employment"),
        holder=reading.system("bpqmi", "population"),
        service="person", actor=actor, at=at,
    )  # fmt: skip

    def write(fields: Sequence[str]) -> Callable[[], object]:
        return lambda: accords.save(
            row.number, version=row.version, terms={"fields": list(fields)}, actor=actor, at=at
        ).terms["fields"]

    found = at_once(write(["family"]), write(["given"]))
    row.refresh_from_db()

    assert found.count("stateregister.changed") == 1
    assert row.terms["fields"] in found


def test_a_suspension_beside_the_last_signature_holds(
    to_sign: Callable[..., Accord], in_force: Accord, sign: Any, officers: dict[str, Actor],
    clock: FixedClock,
) -> None:  # fmt: skip
    at = clock.now()
    row = accords.amend(in_force.agreement_id, actor=officers["proposer"], at=at)
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
    row = accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)
    sign(row, "consumer")

    at_once(
        lambda: sign(row, "provider"),
        lambda: agreements.suspend(row.agreement_id, actor=officers["approver"], reason=WHY, at=at),
    )
    right = Agreement.objects.get(id=row.agreement_id)

    assert (right.force, right.accord_id) == ("suspended", row.number)


def test_both_sides_sign_at_once(to_sign: Callable[..., Accord], sign: Any) -> None:
    row = to_sign()

    at_once(lambda: sign(row, "consumer"), lambda: sign(row, "provider"))
    row.refresh_from_db()

    assert (row.state, Signature.objects.filter(accord=row).count()) == ("in-force", 2)
    assert Agreement.objects.filter(id=row.agreement_id).count() == 1


def test_what_is_over_ends_once(in_force: Accord, clock: FixedClock) -> None:
    Agreement.objects.filter(id=in_force.agreement_id).update(last_day="2026-12-01")
    clock.advance(timedelta(days=9))
    at = clock.now()

    found = at_once(
        lambda: agreements.end_what_is_over(at=at), lambda: agreements.end_what_is_over(at=at)
    )

    assert sorted(map(str, found)) == ["0", "1"]
    assert Act.objects.filter(subject=in_force.agreement_id, kind="ended").count() == 1


def test_of_two_publishers_the_newest_directory_is_in_the_file(
    founded: None, clock: FixedClock, tmp_path: Path
) -> None:
    made, file = make_key("directory", clock), tmp_path / "directory.jws"
    signer = SoftwareSigner(made.key, (made.certificate,))
    at = clock.now()

    def publish(days: int) -> Callable[[], object]:
        def take() -> object:
            directory.publish(instance="AZ", signer=signer, at=at + timedelta(days=days))
            directory.write_newest(file)
            return None

        return take

    at_once(publish(0), publish(1), publish(2))
    newest = Publication.objects.order_by("-version").first()

    assert newest is not None
    assert file.read_text(encoding="ascii") == newest.jws
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
