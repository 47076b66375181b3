"""`pencere service`: author a service as data. docs/how-to/write-a-service.md goes through it."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from pencere.cli.commands import service_simulate, service_versions
from pencere.cli.options import parser, subparsers
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock, local_date
from pencere.kernel.errors import Misconfigured
from pencere.kernel.money import Qepik, format_amount
from pencere.kernel.text import LANGUAGES
from pencere.services import commands
from pencere.services.bpmn import export_bpmn
from pencere.services.lints import Finding

_ACTIONS = (
    ("list", "list every service of the catalogue"),
    ("check", "check definitions before they are published"),
    ("test", "run cases.yaml on the real engine"),
    ("preview", "show a service as the applicant meets it"),
    ("new", "begin a service that passes its own checks"),
    ("export-bpmn", "draw the case as BPMN 2.0, for people to look at"),
    service_simulate.ACTION,
    *service_versions.ACTIONS,
)
_SEVERAL = ("check", "test")
_ONE = ("preview", "export-bpmn")
_FOR_MACHINES = ("list", "check", "test", "preview", "simulate", "diff")


def run(arguments: Sequence[str]) -> int:
    """Do one action; exit 1 when a check or a case has failed."""
    options = parser("service", "Author services as data.")
    actions = subparsers(options, _ACTIONS)
    for name, action in actions.items():
        action.add_argument("--country", metavar="DIR", help="another country's folder")
        if name in _FOR_MACHINES:
            action.add_argument("--json", action="store_true", help="for machines")
        if name in _SEVERAL:
            action.add_argument("services", nargs="*", metavar="ID-OR-FOLDER", help="default: all")
        if name in _ONE:
            action.add_argument("service", metavar="ID-OR-FOLDER")
        if name in {*_ONE, "simulate", "diff"}:
            action.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
    actions["preview"].add_argument("--on", metavar="DATE", help="2026-12-31; default: today")
    actions["new"].add_argument("service", metavar="ID")
    actions["new"].add_argument("--authority", required=True, metavar="BODY", help="of bodies.yaml")
    service_simulate.add_arguments(actions["simulate"])
    service_versions.add_arguments(actions)
    given = options.parse_args(arguments)
    country = Country.load_folder(Path(given.country)) if given.country else Country.load("az")
    done: dict[str, Callable[[argparse.Namespace, Country], int]] = {
        "list": _list,
        "check": _check,
        "test": _test,
        "preview": _preview,
        "new": _new,
        "export-bpmn": _export,
        "simulate": service_simulate.run,
        "diff": service_versions.diff,
        "export": service_versions.export,
        "import": _import,
        "import-bpmn": service_versions.from_bpmn,
        "schema": service_versions.print_schema,
    }
    return done[given.action](given, country)


def in_words(finding: Finding) -> str:
    """Say a finding: which file, key and value, what is wrong, what would be right."""
    return (
        f"{finding.file}:{finding.line}\n  key:     {finding.key}\n  value:   {finding.value}\n"
        f"  wrong:   {finding.message}\n  example: {finding.example}"
    )


def _list(given: argparse.Namespace, country: Country) -> int:
    rows = commands.list_services(country)
    if given.json:
        _print(rows)
        return 0
    for row in rows:
        names = row["names"]
        assert isinstance(names, dict)  # noqa: S101  # the shape of list_services
        print(f"{row['id']:<40}{row['status']:<13}{row['authority']:<14}{names['en']}")
    return 0


def _check(given: argparse.Namespace, country: Country) -> int:
    findings = commands.check(given.services, country)
    if given.json:
        keys = ("file", "line", "key", "value", "message", "example")
        _print([{key: str(getattr(each, key)) for key in keys} for each in findings])
    else:
        for finding in findings:
            print(in_words(finding))
        print(f"{len(findings)} findings")
    return 1 if findings else 0


def _test(given: argparse.Namespace, country: Country) -> int:
    tested = commands.test(given.services, country)
    if given.json:
        _print(
            [
                {
                    "id": each.service,
                    "passed": each.passed,
                    "cases": [
                        {"name": one.name, "passed": one.passed, "problems": one.problems}
                        for one in each.results
                    ],
                }
                for each in tested
            ]
        )
    else:
        for each in tested:
            for one in each.results:
                print(f"{'ok ' if one.passed else 'NOT'}  {each.service}: {one.name}")
                print("".join(f"       {problem}\n" for problem in one.problems), end="")
        cases = [one for each in tested for one in each.results]
        print(f"{len(cases)} cases, {sum(not one.passed for one in cases)} not as expected")
    return 0 if all(each.passed for each in tested) else 1


def _preview(given: argparse.Namespace, country: Country) -> int:
    shown = commands.preview(given.service, country, _day(given.on), given.lang)
    if given.json:
        _print(shown)
        return 0
    fee = shown["fee"]
    assert isinstance(fee, int)  # noqa: S101  # the shape of preview
    print(f"{shown['name']}\n{shown['summary']}\n")
    print(f"fee: {format_amount(Qepik(fee), given.lang)}")
    print(
        "".join(
            f"  {_row(line, 'name')} ({_row(line, 'act')})\n" for line in _of(shown, "fee_lines")
        )
    )
    print("the state already has:")
    print("".join(f"  {_row(f, 'title')} ({_row(f, 'from')})\n" for f in _of(shown, "facts")))
    print("questions, * on the way with believable answers:")
    for question in _of(shown, "questions"):
        print(f"  {'*' if question['on_sample_way'] else ' '} {_row(question, 'ask')}")
        choices = question["choices"]
        assert isinstance(choices, list)  # noqa: S101  # as above
        print("".join(f"      - {choice}\n" for choice in choices), end="")
    print("\nstates:")
    for state in _of(shown, "states"):
        actions = state["actions"]
        assert isinstance(actions, dict)  # noqa: S101  # as above
        ways = ", ".join(f"{action} -> {to}" for action, to in actions.items())
        print(f"  {_row(state, 'id'):<24}{_row(state, 'name')}{'  [' + ways + ']' if ways else ''}")
    return 0


def _of(shown: dict[str, object], key: str) -> list[dict[str, object]]:
    rows = shown[key]
    assert isinstance(rows, list)  # noqa: S101  # the shape of preview
    return rows


def _row(row: dict[str, object], key: str) -> str:
    return str(row[key])


def _day(text: str | None) -> date:
    if text is None:
        return local_date(SystemClock().now())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            file="command line", key="--on", value=text, example="2026-12-31"
        ) from None


def _new(given: argparse.Namespace, country: Country) -> int:
    print(commands.new(given.service, given.authority, country))
    return 0


def _export(given: argparse.Namespace, country: Country) -> int:
    definition = commands.definition_of(given.service, country)
    sys.stdout.buffer.write(export_bpmn(definition, given.lang) + b"\n")
    return 0


def _import(given: argparse.Namespace, country: Country) -> int:
    code, findings = service_versions.import_(given, country)
    for finding in findings:
        print(in_words(finding))
    return code


def _print(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))
