"""The table of features names tests that are there, and says openly what is not."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "features.md"
ROW = re.compile(r"^\| (?P<what>.+?) \| (?P<stands>.*?) \| ?(?P<shown>.*?) ?\|$", re.M)


def test_each_row_names_tests_that_are_there_or_says_not_yet() -> None:
    rows = [
        (row["what"], row["stands"], re.findall(r"`([^`]+)`", row["shown"]))
        for row in ROW.finditer(TABLE.read_text("utf-8"))
        if row["what"] not in {"what", "---"}
    ]
    absent = [one for _, _, named in rows for one in named if not (ROOT / "tests" / one).is_file()]
    unproved = [what for what, stands, named in rows if not named and stands != "not yet"]

    assert len(rows) > 35
    assert (absent, unproved) == ([], [])
