"""The documentation builds without a warning, and its pages load nothing from outside."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = re.compile(r"<(?:script|img|iframe)[^>]+src=\"https?://|<link[^>]+href=\"https?://")


@pytest.mark.slow
def test_the_documentation_builds_and_loads_nothing_from_outside(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", ROOT / "docs", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (built.returncode, built.stderr) == (0, "")
    from_outside = [
        page.name for page in tmp_path.rglob("*.html") if OUTSIDE.search(page.read_text())
    ]
    assert from_outside == []
