"""The files of a draft under the loader and the lints that files on disk pass.

Files are `{name: text}`: `service.yaml`, `cases.yaml`, templates. They are laid out in a folder of
their own for the time of the check; nothing of it stays.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.yamltext import check_depth
from pencere.services.definition import FILE, load
from pencere.services.lints import Surroundings, lint
from pencere.services.model.definition import Definition
from pencere.services.trial import run_cases
from pencere.web import editions
from pencere.web.country import country

NAME = re.compile(r"service\.yaml|cases\.yaml|[a-z0-9][a-z0-9_-]{0,63}\.typ")
LARGEST_FILE = 256 * 1024  # characters; the largest of the country's own has 40 000
MOST_FILES = 20
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend. `line` counts from 1, 0: of the whole file."""

    file: str
    line: int
    key: str
    message: str
    example: str


@contextmanager
def laid_out(service: str, files: Mapping[str, str]) -> Iterator[Path]:
    """Give a folder that holds the files, named as the service, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="pencere-draft-") as made:
        yield lay_out(Path(made), service, files)


def lay_out(place: Path, service: str, files: Mapping[str, str]) -> Path:
    """Write the files into `place/<service>/` and return it.

    Raises:
        Invalid: `authoring.file`, `authoring.too_large`.
    """
    folder = place / service
    folder.mkdir(parents=True)
    for name, text in files.items():
        check_file(name, text)
        (folder / name).write_bytes(text.encode("utf-8"))
    return folder


def check_file(name: str, text: str) -> None:
    """Refuse a name that is no file of a service, and a text nobody writes by hand.

    Raises:
        Invalid: `authoring.file`, `authoring.too_large`.
    """
    if not NAME.fullmatch(name):
        raise Invalid("authoring.file", name=name[:80])
    if len(text) > LARGEST_FILE or "\0" in text:
        raise Invalid("authoring.too_large", name=name)


def faults(
    service: str, body: str, files: Mapping[str, str], *, with_cases: bool = False
) -> list[Fault]:
    """Return what is wrong; none: it may be proposed. `with_cases` runs cases.yaml too."""
    for name, text in files.items():
        said = _unsafe(name, text)
        if said is not None:
            return [said]
    with laid_out(service, files) as folder:
        try:
            definition = load(folder)
            found = _found(definition, body)
            if with_cases and not found:
                found = _failed(definition)
        except PencereError as error:
            return [_of_error(error, folder)]
        except RecursionError:
            return [Fault(FILE, 0, "", "nested too deeply", "")]
        return found[:SHOWN]


@contextmanager
def definition_of(service: str, files: Mapping[str, str]) -> Iterator[Definition]:
    """Give the definition; its folder stands until the block ends.

    Raises:
        Misconfigured, Invalid: it cannot be read.
    """
    for name, text in files.items():
        said = _unsafe(name, text)
        if said is not None:
            raise Invalid("authoring.faults")
    with laid_out(service, files) as folder:
        yield load(folder)


def surroundings() -> Surroundings:
    """Return what a definition may name, with the services published until now."""
    around = _around()
    return replace(around, catalogue=editions.over(around.catalogue))


@cache
def _around() -> Surroundings:
    return Surroundings.of(country())


def _found(definition: Definition, body: str) -> list[Fault]:
    found = [
        Fault(one.file.name, one.line or 0, one.key, one.message, str(one.example))
        for one in lint(definition, surroundings())
    ]
    if definition.authority != body:
        found.insert(0, Fault(FILE, 0, "authority", "a draft is of its own body", body))
    return found


def _failed(definition: Definition) -> list[Fault]:
    return [
        Fault("cases.yaml", 0, result.name, "; ".join(result.problems), "")
        for result in run_cases(definition, surroundings())
        if not result.passed
    ]


def _unsafe(name: str, text: str) -> Fault | None:
    """Find what must not reach a loader: depth, and aliases, of which few make gigabytes."""
    if not name.endswith(".yaml"):
        return None
    content = text.encode("utf-8")
    try:
        check_depth(content)
        for event in yaml.parse(content, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 0
                return Fault(
                    name, line, event.anchor or "", "an alias is not allowed", "the value itself"
                )
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return Fault(name, line, "", error.problem or "not YAML", "service: my-service")
    except (yaml.YAMLError, ValueError) as error:
        return Fault(name, 0, "", str(error), "service: my-service")
    return None


def _of_error(error: PencereError, folder: Path) -> Fault:
    facts = error.facts
    file = Path(str(facts.get("file", FILE))).name
    line = facts.get("line")
    return Fault(
        file=file,
        line=line if isinstance(line, int) else 0,
        key=str(facts.get("key", "")),
        message=str(facts.get("value", error.code)).replace(str(folder), "")[:400],
        example=str(facts.get("example", "")),
    )
