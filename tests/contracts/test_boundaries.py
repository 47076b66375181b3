"""The planes keep their borders."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.partition(".")[0] in {strangers!r}))
"""


def test_every_import_contract_of_pyproject_is_kept() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "package",
    [
        "pencere.gateway",
        "pencere.registers",
        "pencere.ledger",
        "pencere.trust",
        "pencere.services",
        "pencere.simulators",
    ],
)
def test_a_plane_outside_the_web_starts_without_django(package: str) -> None:
    assert _strangers_loaded_by(package, {"django"}) == "[]"


def test_the_gateway_starts_without_the_planes_whose_messages_it_carries() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            _IMPORT_ALL.format(package="pencere.gateway", strangers=set())
            + "assert not [name for name in sys.modules if name.startswith("
            "('pencere.services', 'pencere.registers', 'pencere.documents'))]",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (loaded.returncode, loaded.stderr) == (0, "")


def test_the_kernel_starts_without_anything_that_reaches_out() -> None:
    assert _strangers_loaded_by("pencere.kernel", {"psycopg", "asyncpg", "cryptography"}) == "[]"


def _strangers_loaded_by(package: str, strangers: set[str]) -> str:
    loaded = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL.format(package=package, strangers=strangers)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    return loaded.stdout.strip()
