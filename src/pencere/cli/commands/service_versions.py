"""`pencere service diff | export | import | import-bpmn | schema`: versions, files, drawings."""

import argparse
import json
import sys
from pathlib import Path

from pencere.countries.country import Country
from pencere.kernel.errors import Misconfigured
from pencere.services.bpmn_import import import_case
from pencere.services.commands import definition_of
from pencere.services.difference import Comparison, Consequence, compare
from pencere.services.lints import Finding, Surroundings
from pencere.services.package import export_service, import_service, versions_of
from pencere.services.schemas import schema

ACTIONS = (
    ("diff", "what a version changes, and what that does to drafts and running cases"),
    ("export", "write a service with all its versions into one file"),
    ("import", "put an exported service into the country's folder, when nothing is wrong with it"),
    ("import-bpmn", "read a BPMN 2.0 drawing as the `case` of a service"),
    ("schema", "print the JSON Schema of a file, for editors to complete by"),
)
SCHEMAS = ("service", "cases", "catalogue")


def add_arguments(actions: dict[str, argparse.ArgumentParser]) -> None:
    """Say what these actions take."""
    actions["diff"].add_argument("service", metavar="ID")
    actions["diff"].add_argument("--from", dest="older", type=int, metavar="VERSION")
    actions["diff"].add_argument("--to", dest="newer", type=int, metavar="VERSION")
    actions["export"].add_argument("service", metavar="ID-OR-FOLDER")
    for name in ("export", "import"):
        actions[name].add_argument("file", type=Path, metavar="FILE.zip")
    actions["import-bpmn"].add_argument("file", type=Path, metavar="FILE.bpmn")
    actions["schema"].add_argument("name", choices=SCHEMAS)


def diff(given: argparse.Namespace, country: Country) -> int:
    """Compare two versions; without numbers the newest with the one before it."""
    versions = versions_of(country.folder / "services" / given.service)
    newer = given.newer or max(versions, default=0)
    older = given.older or max((one for one in versions if one < newer), default=0)
    for option, number in (("--from", older), ("--to", newer)):
        if number not in versions:
            known = ", ".join(map(str, sorted(versions))) or "an id of `pencere service list`"
            raise Misconfigured(file=given.service, key=option, value=number, example=known)
    found = compare(versions[older], versions[newer])
    if given.json:
        print(json.dumps(_as_json(found, older, newer), ensure_ascii=False, indent=1, default=str))
    else:
        _say(found, older, newer, given.lang)
    return 0


def export(given: argparse.Namespace, country: Country) -> int:
    """Write the file; one that is there already is not overwritten."""
    content = export_service(definition_of(given.service, country))
    try:
        with given.file.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Misconfigured(
            file=given.file, key="(file)", value="there already", example="a new name"
        ) from None
    print(f"{given.file}  {len(content)} bytes")
    return 0


def import_(given: argparse.Namespace, country: Country) -> tuple[int, list[Finding]]:
    """Import; the findings are what kept it out."""
    place, findings = import_service(_content(given.file), Surroundings.of(country))
    if not findings:
        print(place)
    return (1 if findings else 0), findings


def from_bpmn(given: argparse.Namespace, _: Country) -> int:
    """Print the case of a drawing."""
    print(import_case(_content(given.file)), end="")
    return 0


def print_schema(given: argparse.Namespace, _: Country) -> int:
    """Print a schema."""
    json.dump(schema(given.name), sys.stdout, ensure_ascii=False, indent=1)
    print()
    return 0


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise Misconfigured(
            file=file, key="(file)", value=problem.strerror or "unreadable", example="a file"
        ) from problem


def _as_json(found: Comparison, older: int, newer: int) -> dict[str, object]:
    def fates(of: tuple[Consequence, ...]) -> list[dict[str, str]]:
        return [{"about": one.about, "fate": one.fate.value} for one in of]

    return {
        "from": older,
        "to": newer,
        "changes": [
            {"place": one.place, "kind": one.kind.value, "before": one.before, "after": one.after}
            for one in found.changes
        ],
        "drafts": fates(found.drafts),
        "cases": fates(found.cases),
    }


def _say(found: Comparison, older: int, newer: int, language: str) -> None:
    print(f"version {older} -> {newer}: {len(found.changes)} changes")
    for one in found.changes:
        title = f"  ({one.title.in_language(language)})" if one.title else ""
        print(f"\n{one.kind.value:<8} {one.place}{title}")
        for sign, value in (("-", one.before), ("+", one.after)):
            if value is not None:
                print(f"  {sign} {_short(value)}")
    for name, of in (("drafts", found.drafts), ("running cases", found.cases)):
        print(f"\n{name}:" + ("" if of else " nothing changes"))
        for each in of:
            print(f"  {each.fate.value:<13} {each.about}  ({each.title.in_language(language)})")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else f"{text[:157]}..."
