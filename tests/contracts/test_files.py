"""What every tracked file of the project keeps to."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pencere.kernel.text import LANGUAGES
from pencere.ops.databases import PACKAGES
from pencere.ops.migrations import migrations_of

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pencere"

LONGEST_MODULE = 420  # "near 400 look for the second noun"

# Written apart, so that this file keeps to its own rule.
_HOSTS = ("pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "crates" + ".io")
_PLACES = ("/" + "work/", "/" + "root/", "/" + "home/", "/tmp/" + "brief", "/opt/" + "pypi")
_BARRED = re.compile("|".join(re.escape(word) for word in (*_HOSTS, *_PLACES)))
# Shell and example paths of the person who reads, not of a machine this was made on.
_ALLOWED = re.compile("/home" + r"/(you|user|runner|pencere)\b")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_package_registry_or_a_place_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate(_lines(path), 1)
        if _BARRED.search(_ALLOWED.sub("", line))
    ]

    assert found == []


def test_no_module_is_longer_than_one_can_hold_in_mind() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked()
        if path.suffix == ".py" and "migrations" not in path.parts and "tests" not in path.parts
        if (count := sum(1 for _ in _lines(path))) > LONGEST_MODULE
    }

    assert long == {}


def test_every_text_people_read_is_there_in_every_language() -> None:
    incomplete = [
        f"{path.relative_to(ROOT)}: {where}"
        for path in tracked()
        if path.suffix == ".yaml" and path.is_relative_to(SOURCE) and "{{" not in path.read_text()
        for where in _incomplete(yaml.load(path.read_text("utf-8"), yaml.BaseLoader), "")
    ]

    assert incomplete == []


@pytest.mark.parametrize("package", sorted({each for some in PACKAGES.values() for each in some}))
def test_the_sql_files_of_a_plane_are_numbered_without_gaps(package: str) -> None:
    numbers = [migration.number for migration in migrations_of(package)]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", ["run", "test", ".ci/run"])
def test_the_scripts_can_be_called(name: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--stage", name], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert listed.stdout.startswith("100755 ")


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return  # a picture


def _incomplete(node: object, where: str) -> Iterator[str]:
    if isinstance(node, dict):
        # A mapping with a language and a sentence is a text; `ru: 7` in some table is none.
        named = [key for key in LANGUAGES if isinstance(node.get(key), str)]
        if named and set(node) <= set(LANGUAGES):
            missing = [key for key in LANGUAGES if not str(node.get(key) or "").strip()]
            if missing:
                yield f"{where} lacks {', '.join(missing)}"
            return
        for key, value in node.items():
            yield from _incomplete(value, f"{where}.{key}".lstrip("."))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _incomplete(value, f"{where}[{index}]")
