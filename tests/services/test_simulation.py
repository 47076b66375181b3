"""A case is lived through day by day: what happens, what the clock says, who may do what."""

from datetime import date

import pytest

from pencere.kernel.errors import Invalid
from pencere.services.lints import Surroundings
from pencere.services.model.definition import Definition
from pencere.services.trial.simulation import Moment, read_step, simulate


def told(found: list[Moment]) -> list[tuple[date, str, list[str]]]:
    return [(one.day, one.state, [event.kind for event in one.events]) for one in found]


def test_time_passes_until_the_silence_of_the_body_decides(
    permit: Definition, island: Surroundings
) -> None:
    found = simulate(permit, island, [{"days": 12}])

    first = found[0]
    assert (first.state, first.left, first.is_paused) == ("review", 5, False)
    assert first.may == {"officer": ("grant", "refuse", "ask")}
    assert [one.state for one in found] == ["review", "granted", "granted"]
    silence = found[1]
    assert "silence" in [event.kind for event in silence.events]
    assert first.due is not None
    assert silence.day > first.due
    assert (silence.due, silence.left, silence.may) == (None, None, {})


def test_while_the_applicant_is_asked_the_clock_stands_and_a_timer_runs(
    permit: Definition, island: Surroundings
) -> None:
    found = simulate(permit, island, [{"officer": "ask"}, {"days": 9}])

    assert (found[1].state, found[1].is_paused, found[1].may) == (
        "waiting",
        True,
        {"applicant": ("answer",)},
    )
    assert told(found)[2][1:] == ("refused", ["timer", "entered"])


def test_what_the_engine_refuses_is_refused_here(permit: Definition, island: Surroundings) -> None:
    with pytest.raises(Invalid) as caught:
        simulate(permit, island, [{"officer": "refuse"}])

    assert caught.value.code == "case.reason_required"


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("days=5", {"days": 5}),
        ("officer=grant", {"officer": "grant", "comment": "simulated"}),
        (
            "officer=refuse:storm,cold",
            {"officer": "refuse", "comment": "simulated", "reasons": ["storm", "cold"]},
        ),
        ("confirm=head-1", {"confirm": "head-1", "comment": "simulated"}),
    ],
)
def test_a_step_is_written_shortly(text: str, step: dict[str, object]) -> None:
    assert read_step(text) == step


@pytest.mark.parametrize("text", ["", "days", "days=-1", "days=99999", "king=grant", "officer="])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_step(text)

    assert caught.value.code == "simulation.step"


@pytest.mark.parametrize("case", [-1, 99])
def test_a_case_that_is_not_in_the_file_is_refused(
    permit: Definition, island: Surroundings, case: int
) -> None:
    with pytest.raises(Invalid) as caught:
        simulate(permit, island, [], case=case)

    assert caught.value.code == "simulation.case"
