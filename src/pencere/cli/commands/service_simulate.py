"""`pencere service simulate`: a case lived through, a line for each thing that happens."""

import argparse
import json

from pencere.countries.country import Country
from pencere.services.commands import definition_of
from pencere.services.lints import Surroundings
from pencere.services.model.definition import Definition
from pencere.services.trial.simulation import Moment, read_step, simulate

ACTION = ("simulate", "live a case through, day by day, on the real engine")


def add_arguments(action: argparse.ArgumentParser) -> None:
    """Say what the action takes."""
    action.add_argument("service", metavar="ID-OR-FOLDER")
    action.add_argument("steps", nargs="*", metavar="STEP", help="days=5 officer=refuse:reason")
    action.add_argument("--case", type=int, default=1, metavar="N", help="which of cases.yaml")


def run(given: argparse.Namespace, country: Country) -> int:
    """Simulate and print."""
    definition = definition_of(given.service, country)
    steps = [read_step(text) for text in given.steps]
    found = simulate(definition, Surroundings.of(country), steps, case=given.case - 1)
    if given.json:
        print(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=1))
    else:
        for one in found:
            _say(one, definition, given.lang)
    return 0


def _as_json(moment: Moment) -> dict[str, object]:
    return {
        "day": moment.day.isoformat(),
        "events": [
            {"kind": one.kind, "state": one.state, "action": one.action} for one in moment.events
        ],
        "state": moment.state,
        "due": moment.due.isoformat() if moment.due else None,
        "left": moment.left,
        "paused": moment.is_paused,
        "may": {role: list(actions) for role, actions in moment.may.items()},
    }


def _say(moment: Moment, definition: Definition, language: str) -> None:
    state = definition.states[moment.state].name.in_language(language)
    clock = "the clock stands" if moment.is_paused else ""
    if moment.due is not None:
        clock = f"due {moment.due.isoformat()}, {moment.left} working days left"
    print(f"{moment.day.isoformat()}  {state} ({moment.state})  {clock}".rstrip())
    for one in moment.events:
        print(f"    {one.kind}{f' {one.action}' if one.action else ''}: {one.state}")
    for role, actions in moment.may.items():
        print(f"    {role} may: {', '.join(actions)}")
