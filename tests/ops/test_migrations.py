"""SQL files are applied once, in order, and what was applied stays as it was."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from pencere.kernel.errors import Misconfigured
from pencere.ops.migrations import migrate

FIRST = "create table thing (id integer); grant select on thing to ${app};"
SECOND = "insert into thing values (1);"


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of its own with two files."""
    folder = tmp_path / "invented_plane"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "sql" / "0001_thing.sql").write_text(FIRST)
    (folder / "sql" / "0002_one.sql").write_text(SECOND)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder / "sql"
    sys.modules.pop("invented_plane", None)


@pytest.fixture
def database(make_database: Callable[[str], object]) -> object:
    return make_database("web")


def _migrate(database: object) -> list[str]:
    return migrate(database.owner, "invented_plane", app_user="web_app")


def test_what_is_new_is_applied_once_with_the_rights_of_the_app_user(
    plane: Path, database: object
) -> None:
    first, second = _migrate(database), _migrate(database)

    assert first == ["invented_plane/sql/0001_thing.sql", "invented_plane/sql/0002_one.sql"]
    assert second == []
    with psycopg.connect(database.app) as connection:
        assert connection.execute("select id from thing").fetchall() == [(1,)]


def test_two_starts_at_once_apply_each_file_once(plane: Path, database: object) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: _migrate(database), range(4)))

    assert sorted(map(len, applied)) == [0, 0, 0, 2]
    with psycopg.connect(database.app) as connection:
        assert connection.execute("select count(*) from thing").fetchall() == [(1,)]


def test_a_file_that_was_applied_and_then_changed_is_refused(plane: Path, database: object) -> None:
    _migrate(database)
    (plane / "0001_thing.sql").write_text(FIRST + " ")

    with pytest.raises(Misconfigured) as refused:
        _migrate(database)

    facts = refused.value.facts
    assert (facts["file"], facts["key"]) == ("invented_plane/sql/0001_thing.sql", "sha256")


def test_a_file_that_fails_leaves_nothing_of_itself_and_what_was_before_stays(
    plane: Path, database: object
) -> None:
    (plane / "0002_one.sql").write_text("insert into thing values (1); select 1/0;")

    with pytest.raises(psycopg.errors.DivisionByZero):
        _migrate(database)
    (plane / "0002_one.sql").write_text(SECOND)

    assert _migrate(database) == ["invented_plane/sql/0002_one.sql"]
    with psycopg.connect(database.app) as connection:
        assert connection.execute("select id from thing").fetchall() == [(1,)]


def test_a_new_file_with_a_number_below_an_applied_one_is_refused(
    plane: Path, database: object
) -> None:
    (plane / "0001_thing.sql").rename(plane / "0003_thing.sql")
    (plane / "0002_one.sql").unlink()
    _migrate(database)
    (plane / "0002_late.sql").write_text("select 1;")

    with pytest.raises(Misconfigured) as refused:
        _migrate(database)

    assert refused.value.facts["example"] == "0004, the one after the newest applied"


@pytest.mark.parametrize("name", ["1_thing.sql", "0001_Thing.sql", "0001_again.sql"])
def test_a_file_that_is_not_numbered_as_agreed_is_refused(
    plane: Path, database: object, name: str
) -> None:
    (plane / name).write_text("select 1;")

    with pytest.raises(Misconfigured):
        _migrate(database)


def test_code_of_an_older_release_runs_on_a_newer_schema(plane: Path, database: object) -> None:
    _migrate(database)
    (plane / "0002_one.sql").unlink()

    assert _migrate(database) == []
