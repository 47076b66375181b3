"""`pencere register`: the registers as data."""

import json
from collections.abc import Sequence
from pathlib import Path

from pencere.cli.options import parser, subparsers
from pencere.countries.country import Country
from pencere.registers.lint import check, load_registers


def run(arguments: Sequence[str]) -> int:
    """Do one action."""
    options = parser("register", "The registers as data.")
    actions = subparsers(
        options,
        [("list", "list the registers"), ("check", "check the definitions before they are used")],
    )
    actions["list"].add_argument("--json", action="store_true", help="for machines")
    actions["check"].add_argument("--country", metavar="DIR", help="another country's folder")
    given = options.parse_args(arguments)
    return _list(as_json=given.json) if given.action == "list" else _check(given.country)


def _list(*, as_json: bool) -> int:
    registers = load_registers(Country.load("az")).values()
    rows = [
        {
            "id": register.code,
            "version": register.version,
            "authority": register.owner,
            "names": {"az": register.names.az, "en": register.names.en, "ru": register.names.ru},
        }
        for register in registers
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    for register in registers:
        print(f"{register.code:<32}{register.version:>3}  {register.owner:<12}{register.names.en}")
    return 0


def _check(folder: str | None) -> int:
    country = Country.load_folder(Path(folder)) if folder is not None else Country.load("az")
    definitions, findings = check(country)
    for finding in findings:
        print(
            f"{finding.file}\n  key:     {finding.key}\n  value:   {finding.value}\n"
            f"  wrong:   {finding.message}\n  example: {finding.example}"
        )
    print(f"{len(definitions)} registers, {len(findings)} findings")
    return 1 if findings else 0
