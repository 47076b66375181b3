"""Keys of a gateway node on disk."""

from pathlib import Path

import pytest

from pencere.cli.__main__ import main
from pencere.cli.roles.node_keys import NodeKeyBox
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured


def test_a_token_for_a_nodes_key_is_refused_with_a_reason_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keys" / "gateway"
    folder.mkdir(parents=True)
    (folder / "token.yaml").write_text("library: /usr/lib/x.so\ntoken: node\npin_file: pin\n")

    with pytest.raises(Misconfigured):
        NodeKeyBox(
            folder, "x", node="AZ/GOV/a/node", register="http://127.0.0.1:9",
            enrolment="https://127.0.0.1:9", root=tmp_path / "root.crt", clock=SystemClock(),
        )  # fmt: skip
    code = main(
        [
            "gateway", "join", "--data", str(tmp_path), "--office", "http://127.0.0.1:9",
            "--token", "pnj1.a.b.c", "--address", "10.0.0.1:5500",
        ]
    )  # fmt: skip

    assert (code, "token.yaml" in capsys.readouterr().err) == (3, True)
    assert [one.name for one in folder.iterdir()] == ["token.yaml"]
