"""A centre is founded by people, with the commands that they type."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from pencere.cli.__main__ import main
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import FORGETFUL, Cluster

Capture = pytest.CaptureFixture[str]
NAMES = ("a-quliyeva", "r-mammadov", "n-aliyeva")


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder whose database answers and holds nothing."""
    # Not pytest's tmp_path: its folders are closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="pencere-test-"))
    installation = Installation(data=folder, base_port=21400)
    found = Cluster.of(installation)
    cluster = Cluster(found.folder, found.socket_folder, found.log, found.password, FORGETFUL)
    server = cluster.start()
    try:
        make_databases(installation, ["trust"])
        migrate_databases(installation, ["trust"])
        yield folder
    finally:
        cluster.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def make_keys(folder: Path) -> list[str]:
    """Write a key for each approver, one of them closed; return the options that name them."""
    options = []
    for name in NAMES:
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / f"{name}.pem").write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        closing = BestAvailableEncryption(b"of mine")
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closing)
        )
        options += ["--approver", f"{name}={folder / name}.pem"]
    return options


def test_people_draft_approve_hold_and_verify(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, file = ["--data", str(data), "--base-port", "21400"], str(tmp_path / "ceremony.yaml")
    assert main(["ca", "ceremony", *where, "--draft", file, *make_keys(tmp_path)]) == 0
    for name in NAMES[:2]:
        passphrase = tmp_path / "typed"
        passphrase.write_text("of mine\n")
        with passphrase.open() as typed:
            monkeypatch.setattr("sys.stdin", typed)
            key, out = str(tmp_path / f"{name}.key"), str(tmp_path / f"{name}.json")
            options = ["--file", file, "--name", name, "--key", key, "--out", out]
            assert main(["ca", "approve", *where, *options]) == 0
    first, second = (["--approval", str(tmp_path / f"{name}.json")] for name in NAMES[:2])

    too_few = main(["ca", "ceremony", *where, "--file", file, *first])
    held = main(["ca", "ceremony", *where, "--file", file, *first, *second])
    again = main(["ca", "ceremony", *where, "--file", file, *first, *second])
    (transcript,) = (data / "pki" / "ceremonies").glob("*/transcript.jws")
    capsys.readouterr()
    verified = main(["ca", "verify-transcript", *where, str(transcript), "--json"])

    shown = json.loads(capsys.readouterr().out)
    transcript.with_name("ceremony.yaml").write_text("ceremony: another")
    false = main(["ca", "verify-transcript", *where, str(transcript)])
    alone = main(["ca", "ceremony", *where])
    assert (too_few, held, again, verified, false, alone) == (1, 0, 1, 0, 3, 3)
    assert (shown["approvers"], len(shown["made"])) == (sorted(NAMES[:2]), 30)


def test_another_key_than_the_file_names_is_not_an_approval(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, file = ["--data", str(data), "--base-port", "21400"], str(tmp_path / "ceremony.yaml")
    main(["ca", "ceremony", *where, "--draft", file, *make_keys(tmp_path)])
    (tmp_path / "typed").write_text("of mine\n")
    with (tmp_path / "typed").open() as typed:
        monkeypatch.setattr("sys.stdin", typed)
        key, out = str(tmp_path / "r-mammadov.key"), tmp_path / "x.json"
        options = ["--file", file, "--name", "a-quliyeva", "--key", key, "--out", str(out)]
        code = main(["ca", "approve", *where, *options])

    assert (code, out.exists()) == (3, False)
