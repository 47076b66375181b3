"""What the author of a service types: docs/how-to/write-a-service.md, word for word."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from pencere.cli.__main__ import main
from pencere.countries import az

Capture = pytest.CaptureFixture[str]
SOURCE = Path(az.__path__[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a country of one's own to write into."""
    mine = tmp_path_factory.mktemp("country") / "az"
    shutil.copytree(SOURCE, mine, ignore=shutil.ignore_patterns("__pycache__"))
    yield str(mine)
    shutil.rmtree(mine)


def test_a_service_is_begun_checked_tried_shown_and_drawn(folder: str, capfd: Capture) -> None:
    def service(*words: str) -> tuple[int, str]:
        code = main(["service", *words, "--country", folder])
        return code, capfd.readouterr().out

    begun = service("new", "parking-permit", "--authority", "ayna")
    checked = service("check", "parking-permit", "--json")
    tried = service("test", "parking-permit", "--json")
    shown = service("preview", "parking-permit", "--lang", "en", "--on", "2026-12-31", "--json")
    drawn = service("export-bpmn", "parking-permit")

    lived = service("simulate", "parking-permit", "days=5", "officer=grant", "--json")
    moments = [(one["day"], one["state"], one["left"]) for one in json.loads(lived[1])]
    assert (lived[0], moments) == (
        0,
        [("2026-11-02", "review", 10), ("2026-11-07", "granted", None)],
    )
    assert begun == (0, f"{folder}/services/parking-permit\n")
    assert (checked[0], json.loads(checked[1])) == (0, [])
    (result,) = json.loads(tried[1])
    assert (tried[0], result["id"], result["passed"]) == (0, "parking-permit", True)
    assert {case["passed"] for case in result["cases"]} == {True}
    assert (shown[0], json.loads(shown[1])["id"]) == (0, "parking-permit")
    assert drawn[0] == 0
    assert ElementTree.fromstring(drawn[1].strip()).tag.endswith("}definitions")


def test_a_version_is_compared_carried_and_put_back(
    folder: str, capfd: Capture, tmp_path: Path
) -> None:
    def service(*words: str, country: str = folder) -> tuple[int, str]:
        code = main(["service", *words, "--country", country])
        return code, capfd.readouterr().out

    assert service("new", "boat-permit", "--authority", "ayna")[0] == 0
    place = Path(folder) / "services" / "boat-permit"
    older = place / "versions" / "1" / "boat-permit"
    shutil.copytree(place, older)
    file = place / "service.yaml"
    file.write_text(
        file.read_text("utf-8")
        .replace("version: 1", "version: 2")
        .replace("maximum: 1000", "maximum: 500"),
        "utf-8",
    )
    packed = str(tmp_path / "boat.zip")
    told = service("diff", "boat-permit", "--json")
    said = service("diff", "boat-permit", "--lang", "en")
    out = service("export", "boat-permit", packed)
    again = service("export", "boat-permit", packed)
    back = service("import", packed)
    unknown = service("diff", "boat-permit", "--from", "7")
    drawing = tmp_path / "case.bpmn"
    drawing.write_text(service("export-bpmn", "boat-permit")[1], "utf-8")
    case = service("import-bpmn", str(drawing))
    schema = service("schema", "service")

    assert json.loads(told[1]) == {
        "from": 1, "to": 2,
        "changes": [
            {"place": "questions.request.maximum", "kind": "changed", "before": 1000, "after": 500}
        ],
        "drafts": [{"about": "request", "fate": "check_again"}], "cases": [],
    }  # fmt: skip
    assert said[1].splitlines()[0] == "version 1 -> 2: 1 changes"
    assert (out[0], again[0], back) == (0, 3, (0, f"{place}\n"))
    assert unknown[0] == 3
    assert yaml.safe_load(case[1])["case"]["initial"] == "review"
    assert json.loads(schema[1])["title"] == "A service"


def test_a_case_that_goes_otherwise_fails_the_command_and_is_named(
    folder: str, capfd: Capture
) -> None:
    assert main(["service", "new", "wrong-fee", "--authority", "ayna", "--country", folder]) == 0
    cases = Path(folder) / "services" / "wrong-fee" / "cases.yaml"
    cases.write_text(cases.read_text("utf-8").replace('fee: "0.00"', 'fee: "9.00"'), "utf-8")
    capfd.readouterr()

    code = main(["service", "test", "wrong-fee", "--country", folder])

    said = capfd.readouterr().out
    assert code == 1
    assert said.startswith("NOT  wrong-fee: ")
    assert "fee" in said


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["new", "no-body", "--authority", "nobody"], "authority"),
        (["preview", "residence-certificate", "--on", "tomorrow"], "--on"),
        (["check", "no-such-service"], "service.yaml"),
    ],
)
def test_what_is_wrong_is_answered_with_a_valid_example(
    folder: str, capfd: Capture, words: list[str], key: str
) -> None:
    code = main(["service", *words, "--country", folder])

    said = capfd.readouterr().err
    assert code == 3
    assert f"  key:     {key}\n" in said
    assert "  example: " in said


def test_a_preview_is_readable(capfd: Capture) -> None:
    assert main(["service", "preview", "driving-licence-replace", "--lang", "en"]) == 0

    said = capfd.readouterr().out.splitlines()
    assert said[0] == "Replacing a driving licence"
    assert "fee: 30.00 AZN" in said
    assert any(line.startswith("  granted") for line in said)


def test_the_search_is_measured_in_the_language_of_each_query(
    tmp_path: Path, capfd: Capture
) -> None:
    queries = [
        {"q": "surucluk vesiqesi", "expect": ["driving-licence-replace"]},
        {"q": "driving licence", "lang": "en", "expect": ["driving-licence-replace"]},
    ]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"queries": queries}), "utf-8")

    main(["bench", "search", "--queries", str(file), "--json"])

    told = json.loads(capfd.readouterr().out)
    assert (told["name"], told["unit"], told["value"]) == ("search", "recall@3", 1.0)
    assert (told["queries"], told["recall@3"], told["missed"]) == (2, 1.0, [])


def test_a_query_in_a_language_of_nobody_is_refused(tmp_path: Path, capfd: Capture) -> None:
    file = tmp_path / "queries.json"
    file.write_text('{"queries": [{"q": "x", "lang": "tlh", "expect": ["y"]}]}', "utf-8")

    code = main(["bench", "search", "--queries", str(file)])

    assert code == 3
    assert f"  file:    {file}\n" in capfd.readouterr().err
