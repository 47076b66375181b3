"""What an operator types, and what comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pencere.cli.__main__ import COMMANDS, in_words, main
from pencere.cli.options import installation_of, parser, remember_base_port
from pencere.cli.progress import Lines, Pipe, relay, step
from pencere.kernel.errors import Misconfigured, Unavailable
from pencere.ops.forget import forget
from pencere.ops.installation import Installation
from pencere.ops.processes import Identity
from pencere.ops.state import ProcessState, State

Capture = pytest.CaptureFixture[str]


def test_every_command_of_the_list_explains_itself(capsys: Capture) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])

        assert (command, ended.value.code) == (command, 0)
        assert f"usage: pencere {command}" in capsys.readouterr().out


def test_an_unknown_command_is_wrong_usage(capsys: Capture) -> None:
    assert main(["dance"]) == 2
    assert "there is no command 'dance'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "key", "example"),
    [
        (["--base-port", "nine"], "PENCERE_BASE_PORT", "8000 (from 1024 to 65351)"),
        (["--base-port", "65400"], "PENCERE_BASE_PORT", "8000 (from 1024 to 65351)"),
        (["--people", "-1"], "--people", "2000 (1 to 20000000)"),
    ],
)
def test_a_wrong_option_is_answered_with_a_valid_one(
    tmp_path: Path, capsys: Capture, given: list[str], key: str, example: str
) -> None:
    code = main(["up", "--data", str(tmp_path), *given])

    said = capsys.readouterr().err
    assert code == 3
    assert said.splitlines()[2:] == [f"  key:     {key}", f"  value:   {given[1]}",
                                     f"  example: {example}"]  # fmt: skip


def test_a_database_url_that_is_none_is_refused_without_showing_a_password(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENCERE_DATABASE_URL", "mysql://root:topsecret@db/x")

    code = main(["up", "--data", str(tmp_path)])

    said = capsys.readouterr().err
    assert code == 3
    assert "topsecret" not in said
    assert "example: postgresql://postgres:password@db1:5432,db2:5432/postgres" in said


def test_stopping_what_does_not_run_is_no_error_however_often(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "run").mkdir()

    codes = [main(["down", "--data", str(tmp_path)]) for _ in range(2)]

    assert codes == [0, 0]
    assert capsys.readouterr().out == "It is not running.\n" * 2


def test_a_second_start_on_a_running_installation_says_how_to_see_and_stop_it(
    tmp_path: Path, capsys: Capture
) -> None:
    me = Identity.of(os.getpid())
    State(
        "running", ProcessState("supervisor", me.pid, me.started_at, None, True, 0), 9000, []
    ).save(Installation(tmp_path).run)

    code = main(["up", "--data", str(tmp_path)])

    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("pencere up: installation.running\n")
    assert f"pencere down --data {tmp_path}" in said


def test_status_and_doctor_of_nothing_fail_and_say_so(tmp_path: Path, capsys: Capture) -> None:
    status = main(["status", "--data", str(tmp_path), "--json"])
    told_by_status = json.loads(capsys.readouterr().out)
    doctor = main(["doctor", "--data", str(tmp_path), "--json"])
    told_by_doctor = json.loads(capsys.readouterr().out)

    assert (status, told_by_status) == (1, {"running": False, "processes": []})
    assert (doctor, told_by_doctor) == (
        1,
        {
            "healthy": False,
            "checks": [
                {"name": "installation", "ok": False, "detail": f"there is none in {tmp_path}"}
            ],
        },
    )


def test_status_lists_each_process_with_its_memory(tmp_path: Path, capsys: Capture) -> None:
    me = Identity.of(os.getpid())
    process = ProcessState("supervisor", me.pid, me.started_at, None, True, 0)
    State("running", process, 9000, []).save(Installation(tmp_path).run)

    code = main(["status", "--data", str(tmp_path), "--json"])

    told = json.loads(capsys.readouterr().out)
    row = told["processes"][0]
    assert (code, told["phase"], told["base_port"]) == (0, "running", 9000)
    assert (row["role"], row["pid"], row["address"]) == ("supervisor", os.getpid(), None)
    assert row["resident_bytes"] >= row["proportional_bytes"] > 1_000_000


def test_the_ports_of_a_data_folder_are_remembered_unless_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENCERE_BASE_PORT", raising=False)
    remember_base_port(Installation(tmp_path, base_port=9042))
    options = parser("x", "x")

    def base_port(*given: str) -> int:
        return installation_of(options.parse_args(["--data", str(tmp_path), *given])).base_port

    assert (base_port(), base_port("--base-port", "9001")) == (9042, 9001)


def test_forgetting_removes_our_own_folders_and_nothing_else(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.secret("web")
    (installation.run / "state.json").write_text("{}")
    (installation.run / "lock").touch()
    (tmp_path / "letters").mkdir()

    forget(installation)

    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["letters", "run", "run/lock"]


def test_an_error_is_said_with_its_facts_one_a_line() -> None:
    error = Unavailable("role.start", role="trust", detail="first\nsecond")
    wrong = Misconfigured(file="a.yaml", key="fee", value="x", example="30.00")

    assert in_words(error) == "role.start\n  role: trust\n  detail: first\n    second"
    assert in_words(wrong) == (
        "a setting is wrong\n  file:    a.yaml\n  key:     fee\n  value:   x\n  example: 30.00"
    )


def test_progress_sent_down_a_pipe_is_shown_as_if_it_were_here(capsys: Capture) -> None:
    reading, writing = os.pipe()
    sender = Pipe(writing)
    with step(sender, "Databases") as outcome:
        sender.advance(1, 2)
        outcome.append("up to date")
    sender.say("Pəncərə runs.")
    sender.close()

    with os.fdopen(reading, encoding="utf-8") as source:
        relay(source, Lines())

    assert capsys.readouterr().out == "Databases: up to date (0.0 s)\nPəncərə runs.\n"


def test_work_goes_on_when_nobody_reads_the_progress_any_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sender = Pipe(writing)

    sender.say("one")
    sender.say("two")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m pencere.cli service list --json | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")


@pytest.mark.parametrize("command", [["ca", "crl"], ["register", "verify"], ["register", "load"]])
def test_a_database_that_does_not_answer_is_told_by_its_own_exit_code(
    tmp_path: Path, capfd: Capture, command: list[str]
) -> None:
    code = main([*command, "--data", str(tmp_path)])

    said = capfd.readouterr().err
    assert code == 4
    assert said.startswith(f"pencere {command[0]}: something needed does not answer\n  ")


def test_services_are_listed_for_machines(capsys: Capture) -> None:
    assert main(["service", "list", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    found = {row["id"]: row for row in rows}
    assert {frozenset(row) for row in rows} == {
        frozenset({"id", "version", "status", "authority", "names"})
    }
    assert found["residence-certificate"]["status"] == "executable"
    assert found["driving-licence-replace"]["authority"] == "dyp"
