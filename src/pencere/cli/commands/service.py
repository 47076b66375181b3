"""`pencere service`: author a service as data."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pencere.cli.options import parser, subparsers
from pencere.countries.country import Country
from pencere.kernel.errors import Misconfigured
from pencere.services.catalogue import Catalogue, Entry
from pencere.services.definition import load
from pencere.services.lints import Finding, Surroundings, lint
from pencere.services.model import Definition


def run(arguments: Sequence[str]) -> int:
    """Do one action."""
    options = parser("service", "Author services as data.")
    actions = subparsers(
        options,
        [
            ("list", "list every service of the catalogue"),
            ("check", "check definitions before they are published"),
        ],
    )
    actions["list"].add_argument("--json", action="store_true", help="for machines")
    actions["check"].add_argument(
        "services", nargs="*", metavar="ID-OR-FOLDER", help="default: every service"
    )
    given = options.parse_args(arguments)
    if given.action == "list":
        return _list(as_json=given.json)
    return _check(given.services)


def _list(*, as_json: bool) -> int:
    entries = Catalogue.load(Country.load("az").folder).all
    if as_json:
        print(json.dumps([_row(entry) for entry in entries], ensure_ascii=False, indent=1))
        return 0
    for entry in entries:
        row = _row(entry)
        print(f"{row['id']:<40}{row['status']:<13}{row['authority']:<14}{entry.names.en}")
    return 0


def _row(entry: Entry) -> dict[str, object]:
    definition = entry.definition
    return {
        "id": entry.id,
        "version": definition.version if definition is not None else None,
        "status": "executable" if entry.is_executable else "information",
        "authority": entry.authority,
        "names": {"az": entry.names.az, "en": entry.names.en, "ru": entry.names.ru},
    }


def definitions_of(names: Iterable[str], country: Country) -> list[Definition]:
    """Return the definitions that ids or folders name; none named: all.

    Raises:
        Misconfigured: a definition is wrong in form, or there is none.
    """
    services = country.folder / "services"
    folders = [Path(name) if Path(name).is_dir() else services / name for name in names] or sorted(
        file.parent for file in services.glob("*/service.yaml")
    )
    for folder in folders:
        if not (folder / "service.yaml").is_file():
            raise Misconfigured(
                file=folder, key="service.yaml", value="not there", example=str(services / "<id>")
            )
    return [load(folder) for folder in folders]


def _check(names: Sequence[str]) -> int:
    country = Country.load("az")
    around = Surroundings.of(country)
    definitions = definitions_of(names, country)
    findings = [finding for each in definitions for finding in lint(each, around)]
    for finding in findings:
        print(_in_words(finding))
    print(f"{len(definitions)} services, {len(findings)} findings")
    return 1 if findings else 0


def _in_words(finding: Finding) -> str:
    return (
        f"{finding.file}\n  key:     {finding.key}\n  value:   {finding.value}\n"
        f"  wrong:   {finding.message}\n  example: {finding.example}"
    )
