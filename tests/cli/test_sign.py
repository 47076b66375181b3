"""`pencere sign`: whose key, which format, what is said when a file is not signed."""

import os
import subprocess
import sys

import pytest
from tests.documents.conftest import trust_centre
from tests.documents.formats_world import NOTE, PASSWORD, make_world, tool

from pencere.cli.__main__ import main
from pencere.documents.formats import asic
from pencere.documents.formats.reading import read

_ = trust_centre  # a fixture


@pytest.fixture(scope="module")
def people(trust_centre, tmp_path_factory):
    return make_world(trust_centre, tmp_path_factory.mktemp("people"))


@pytest.fixture
def sign(people, tmp_path, monkeypatch, capfd):
    """Run the command as the first person; return its exit code and what it wrote."""
    (tmp_path / "root.pem").write_bytes(people.root_pem)
    monkeypatch.setenv("PENCERE_DATA", str(tmp_path / "data"))

    def run(*arguments, secret=PASSWORD, p12="first", tsa=people.services.tsa_url):
        monkeypatch.setenv("PENCERE_SIGN_PIN", secret)
        key = () if p12 is None else ("--p12", str(people.files[p12]))
        where = ("--tsa", tsa, "--anchors", str(tmp_path / "root.pem"))
        code = main(["sign", *map(str, arguments), *key, *where])
        written = capfd.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def note(tmp_path):
    file = tmp_path / "note.txt"
    file.write_bytes(NOTE)
    return file


@pytest.mark.parametrize("level", ["B-B", "B-T", "B-LT", "B-LTA"])
def test_a_file_is_signed_to_the_level_asked_for(sign, note, level):
    code, out, err = sign(note, "--level", level)

    assert (code, err) == (0, "")
    assert "1 signed, 0 signed before" in out
    (one,) = read(note.with_name("note.txt.p7s").read_bytes(), files={"note.txt": NOTE}).signatures
    assert (one.level, one.holds) == (level, True)


@pytest.mark.parametrize(
    ("form", "result"),
    [
        ("asice-cades", "note.txt.asice"),
        ("asice-xades", "note.txt.asice"),
        ("xades", "note.txt.xades"),
    ],
)
def test_a_file_is_signed_in_the_format_asked_for(sign, note, tmp_path, form, result):
    code, _, err = sign(note, "--format", form, "--level", "B-T", "--out", tmp_path / "out")

    assert (code, err) == (0, "")
    found = read((tmp_path / "out" / result).read_bytes(), files={"note.txt": NOTE})
    assert (found.form, found.holds) == (form, True)


def test_an_xml_file_is_signed_inside(sign, tmp_path):
    (tmp_path / "act.xml").write_bytes(b"<act>30.00</act>")

    assert sign(tmp_path / "act.xml")[0] == 0

    assert read((tmp_path / "act-signed.xml").read_bytes()).holds


def test_many_files_go_into_one_container_and_a_second_person_joins(sign, note, tmp_path):
    (tmp_path / "plan.bin").write_bytes(b"plan")
    target = tmp_path / "both.asice"
    files = (note, tmp_path / "plan.bin")

    assert sign(*files, "--container", target)[0] == 0
    assert sign(*files, "--container", target, p12="second")[0] == 3
    assert sign(*files, "--container", target, "--cosign", p12="second")[0] == 0

    found = read(target.read_bytes())
    assert found.holds
    assert len(found.signatures) == 2
    assert set(asic.opened(target.read_bytes()).data) == {"note.txt", "plan.bin"}


def test_a_signed_file_is_renewed_without_a_key(sign, note):
    assert sign(note)[0] == 0
    result = note.with_name("note.txt.p7s")

    for number in (1, 2):
        code, _, err = sign(*(result, "--extend", "--content", note, "--level", "B-LTA"), p12=None)
        assert (code, err) == (0, "")
        (one,) = read(result.read_bytes(), files={"note.txt": NOTE}).signatures
        kinds = [stamp.kind for stamp in one.stamps]
        assert (one.holds, kinds) == (True, ["signature", *["archive"] * number])


def test_a_wrong_password_is_said_and_nothing_is_written(sign, note, tmp_path):
    before = sorted(tmp_path.iterdir())

    code, _, err = sign(note, secret="wrong")

    assert code == 1
    assert "sign.password_wrong" in err
    assert sorted(tmp_path.iterdir()) == before


def test_time_stamping_that_is_away_names_the_file_and_leaves_nothing(sign, note, tmp_path):
    before = sorted(tmp_path.iterdir())

    code, _, err = sign(note, "--level", "B-T", tsa="http://127.0.0.1:9/tsa")

    assert code == 4
    assert f"{note}: The time-stamping service does not answer. Try again later." in err
    assert "1 of 1 not signed" in err
    assert sorted(tmp_path.iterdir()) == before


def test_one_file_that_is_not_there_does_not_stop_the_others(sign, note, tmp_path):
    code, out, err = sign(tmp_path / "none.txt", note)

    assert code == 1
    assert f"{tmp_path / 'none.txt'}: The file cannot be read." in err
    assert "1 signed" in out


def test_words_are_in_the_language_asked_for(sign, tmp_path):
    _, _, err = sign(tmp_path / "none.txt", "--language", "az")

    assert "Fayl oxunmur." in err


@pytest.mark.parametrize("keys", [(), ("--p12", "a", "--pkcs11", "b"), ("--csc", "http://x")])
def test_exactly_one_key_is_named(sign, note, keys):
    code, _, err = sign(note, *keys, p12=None)

    assert (code, "a setting is wrong" in err) == (3, True)


def test_the_password_comes_by_descriptor_and_never_as_an_argument(people, note, tmp_path):
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    with (tmp_path / "secret").open("rb") as secret:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pencere.cli", "sign", str(note)),
                *("--p12", people.files["first"], "--pin-fd", str(secret.fileno())),
            ],
            pass_fds=[secret.fileno()],
            stdin=subprocess.DEVNULL,
            env={
                **{key: one for key, one in os.environ.items() if key != "PENCERE_SIGN_PIN"},
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PENCERE_DATA": str(tmp_path / "data"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert read(note.with_name("note.txt.p7s").read_bytes(), files={"n": NOTE}).holds


def test_a_remote_credential_signs(trust_centre, sign, note, monkeypatch):
    monkeypatch.setenv("PENCERE_SIGN_TOKEN", trust_centre.service.token)
    remote = ("--csc", trust_centre.service.base_url, "--no-pin")

    code, _, err = sign(
        *(note, *remote, "--credential", trust_centre.service.credential, "--level", "B-LT"),
        p12=None,
    )

    assert (code, err) == (0, "")
    assert read(note.with_name("note.txt.p7s").read_bytes(), files={"n": NOTE}).holds


def test_a_token_that_is_away_is_said(sign, note):
    tool("softhsm2-util")

    code, _, err = sign(
        *(note, "--pkcs11", "/usr/lib/softhsm/libsofthsm2.so", "--token", "no such card"),
        p12=None,
    )

    assert code == 4
    assert "sign.token_away" in err
