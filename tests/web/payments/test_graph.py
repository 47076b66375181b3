"""The graph of a charge: the code, the database and the specification say the same."""

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from pencere.kernel.errors import Conflict
from pencere.web.payments.domain.graph import EDGES, Event, after, drawn
from pencere.web.payments.models import Charge, ChargeEvent
from pencere.web.payments.models.charge import State

SPECIFICATION = Path(__file__).parents[3] / "docs" / "specs" / "payments.md"


def test_every_event_in_every_state_is_an_edge_or_refused() -> None:
    said = {(edge.was, edge.event): edge.becomes for edge in EDGES}
    found = {}

    for was in State:
        for event in Event:
            try:
                found[was, event] = after(was, event)
            except Conflict as refusal:
                assert refusal.code == "charge.move"  # noqa: PT017

    assert found == said
    assert len(said) == len(EDGES)


def test_the_database_holds_the_same_table(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select was, event, became from payments_edge")
        rows = set(cursor.fetchall())

    assert rows == {(str(e.was), str(e.event), str(e.becomes)) for e in EDGES} | {
        ("", "requested", "created")
    }


def test_the_specification_draws_this_graph() -> None:
    assert f"```mermaid\n{drawn()}\n```" in SPECIFICATION.read_text("utf-8")


@pytest.mark.parametrize("to", ["paid", "failed", "refunded"])
def test_the_database_refuses_a_move_outside_the_graph(charge: Charge, to: str, db: None) -> None:
    with pytest.raises(IntegrityError, match="no charge goes from created"), transaction.atomic():
        Charge.objects.filter(pk=charge.pk).update(state=to)

    charge.refresh_from_db()
    assert charge.state == "created"


def test_the_database_refuses_an_event_outside_the_graph(charge: Charge) -> None:
    with pytest.raises(IntegrityError, match="no event captured leads"), transaction.atomic():
        ChargeEvent.objects.create(
            charge=charge, at=charge.created_at, was="created", event="captured", became="paid",
            source="system",
        )  # fmt: skip

    assert [event.event for event in charge.events.all()] == ["requested"]
