"""docs/tutorials/first-service.md, followed word for word in a country of one's own."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pencere.cli.__main__ import main
from pencere.countries import az

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "first-service.md"
BLOCK = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S)


def replaced(text: str, block: str) -> str:
    """The file with each top-level part of the block in the place of its own."""
    for part in re.split(r"^(?=\w)", block, flags=re.M):
        if not part:
            continue
        key = part.partition(":")[0]
        old = re.compile(rf"^{key}:.*?(?=^\w|\Z)", re.S | re.M)
        text = old.sub(lambda _, new=part: new, text) if old.search(text) else text + part
    return text


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Path]:
    mine = tmp_path / "az"
    shutil.copytree(Path(az.__path__[0]), mine, ignore=shutil.ignore_patterns("__pycache__"))
    yield mine
    shutil.rmtree(mine)


def test_each_step_of_the_tutorial_does_what_it_says(
    country: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = country / "services" / "parking-permit"
    done = []
    for block in BLOCK.finditer(TUTORIAL.read_text("utf-8")):
        text = block["text"]
        if block["file"] is not None:
            file = folder / block["file"]
            is_part = block["file"] == "service.yaml"
            file.write_text(replaced(file.read_text("utf-8"), text) if is_part else text, "utf-8")
            continue
        assert block["kind"] == "console", text
        for step in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, expected = step.partition("\n")
            words = command.split()
            assert words[0] == "pencere"
            main([*words[1:], "--country", str(country)])
            said = capfd.readouterr().out
            assert expected.strip() in said, f"{command}\n{said}"
            done.append(words[2])

    assert done == [
        "new", "check", "test", "check", "check", "check", "test", "preview", "simulate",
        "export-bpmn",
    ]  # fmt: skip
    content = yaml.safe_load((folder / "service.yaml").read_text("utf-8"))
    assert [one["id"] for one in content["questions"]] == ["plate", "starts"]
