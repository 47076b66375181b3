"""Many files: one activation, whole results only, going on after a kill, giving up in time."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.documents.formats_world import NOTE, PASSWORD, services_of

from pencere.documents.formats import asic
from pencere.documents.formats.batch import Batch
from pencere.documents.formats.csc import CscSigner
from pencere.documents.formats.methods import FORMATS, Way, method
from pencere.documents.formats.reading import read
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Unavailable

XML = b"<act><sum>30.00</sum></act>"


def batch(world, name="cades", level="B-B", **choices):
    signer = choices.pop("signer", world.signer)
    services = choices.pop("services", world.services)
    way = Way(signer, services, SystemClock(), level)
    return Batch(method(name, way), signer, **choices)


def files_in(folder, number, content=NOTE):
    made = []
    for one in range(number):
        made.append(folder / f"note {one}.txt")
        made[-1].write_bytes(content + str(one).encode())
    return made


@pytest.mark.parametrize("level", ["B-T", "B-LTA"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_done_is_not_done_again(world, plain, tmp_path, name, level):
    source = tmp_path / {"pades": "a.pdf", "xades": "a.xml"}.get(name, "a.txt")
    source.write_bytes({"pades": plain, "xades": XML}.get(name, NOTE))
    out = tmp_path / "out"

    first = list(batch(world, name, level, out=out).run([source]))
    made = first[0].target.read_bytes()
    second = list(batch(world, name, level, out=out).run([source]))

    assert [one.state for one in (*first, *second)] == ["signed", "already"]
    assert first[0].target.read_bytes() == made


@pytest.mark.parametrize("name", FORMATS)
def test_a_second_person_signs_beside_the_first_only_when_asked(world, plain, tmp_path, name):
    source = tmp_path / {"pades": "a.pdf", "xades": "a.xml"}.get(name, "a.txt")
    source.write_bytes({"pades": plain, "xades": XML}.get(name, NOTE))
    (first,) = batch(world, name, out=tmp_path / "out").run([source])
    second = {"signer": world.second, "out": tmp_path / "out"}

    (refused,) = batch(world, name, **second).run([source])
    (added,) = batch(world, name, cosign=True, **second).run([source])
    (again,) = batch(world, name, cosign=True, **second).run([source])

    assert [one.state for one in (first, refused, added, again)] == [
        *("signed", "failed", "signed", "already")
    ]
    assert refused.error.code == "sign.output_exists"
    if name != "pades":
        files = {"a.txt": NOTE} if name == "cades" else {}
        assert len(read(added.target.read_bytes(), files=files).signatures) == 2


def test_a_container_is_signed_where_it_lies_once_by_each(world, tmp_path):
    source = tmp_path / "deal.asice"
    source.write_bytes(asic.new({"note.txt": NOTE}).packed())

    done = [
        next(iter(batch(world, "asice-cades", signer=one).run([source])))
        for one in (world.signer, world.second, world.signer)
    ]

    assert [one.state for one in done] == ["signed", "signed", "already"]
    assert len(read(source.read_bytes()).signatures) == 2


def test_a_result_of_another_file_is_never_overwritten(world, tmp_path):
    source = tmp_path / "a.txt"
    source.write_bytes(NOTE)
    (tmp_path / "a.txt.p7s").write_bytes(b"something else")

    (outcome,) = batch(world).run([source])

    assert (outcome.state, outcome.error.code) == ("failed", "sign.output_exists")
    assert (tmp_path / "a.txt.p7s").read_bytes() == b"something else"


def test_one_bad_file_does_not_stop_the_others(world, tmp_path):
    sources = [*files_in(tmp_path, 3), tmp_path / "none.txt", tmp_path]

    outcomes = {
        one.source: one.error and one.error.code
        for one in batch(world, out=tmp_path / "out").run(sources)
    }

    assert [outcomes[one] for one in sources] == [None, None, None, "sign.no_file", "sign.no_file"]


class Counting:
    """The remote key, counting activations."""

    def __init__(self, inner, most):
        self._inner, self.most_digests, self.asked = inner, most, []
        self.certificate, self.chain = inner.certificate, inner.chain

    def sign_digests(self, digests):
        self.asked.append(len(digests))
        return self._inner.sign_digests(digests)


def test_a_remote_key_is_activated_once_for_as_many_as_it_takes(trust_centre, world, tmp_path):
    signer = Counting(CscSigner(trust_centre.service), most=10)

    outcomes = list(batch(world, signer=signer, out=tmp_path / "out").run(files_in(tmp_path, 25)))

    assert signer.asked == [10, 10, 5]
    assert [one.state for one in outcomes] == ["signed"] * 25


def test_a_key_that_goes_away_ends_the_batch_and_names_what_is_left(world, tmp_path):
    signer = Counting(world.signer, most=5)

    def sign(digests, before=signer.sign_digests):
        if signer.asked:
            raise Unavailable("sign.token_away")
        return before(digests)

    signer.sign_digests = sign
    outcomes = list(batch(world, signer=signer, out=tmp_path / "out").run(files_in(tmp_path, 20)))

    assert [one.state for one in outcomes] == ["signed"] * 5 + ["failed"] * 15
    assert {one.error.code for one in outcomes if one.error} == {"sign.token_away"}
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_time_stamping_that_is_away_ends_the_batch_after_a_few(trust_centre, world, tmp_path):
    away = services_of(trust_centre, tsa_url="http://127.0.0.1:9/tsa")

    outcomes = list(
        batch(world, level="B-T", services=away, out=tmp_path / "out").run(files_in(tmp_path, 30))
    )

    assert {(one.state, one.error.code) for one in outcomes} == {
        ("failed", "time_stamp.unavailable")
    }
    assert len(outcomes) == 30
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_half_written(world, tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    (outcome,) = batch(world, out=tmp_path / "out").run(files_in(tmp_path, 1))

    assert (outcome.state, outcome.error.code) == ("failed", "storage.full")
    assert list((tmp_path / "out").iterdir()) == []


def test_after_a_kill_the_same_command_signs_the_rest(world, tmp_path):
    sources = files_in(tmp_path, 300)
    (tmp_path / "root.pem").write_bytes(world.root_pem)
    command = [
        *(sys.executable, "-m", "pencere.cli", "sign", *map(str, sources)),
        *("--p12", world.files["first"], "--level", "B-T", "--tsa", world.services.tsa_url),
        *("--out", tmp_path / "out"),
    ]
    environment = {**os.environ, "PENCERE_SIGN_PIN": PASSWORD, "PENCERE_DATA": str(tmp_path / "d")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    out = tmp_path / "out"
    while time.monotonic() < deadline and (not out.exists() or len(list(out.glob("*.p7s"))) < 20):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    whole = {one.name: one.read_bytes() for one in out.glob("*.p7s")}
    assert 20 <= len(whole) < 300

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{300 - len(whole)} signed, {len(whole)} signed before" in done.stdout
    assert {name: (out / name).read_bytes() for name in whole} == whole
    for source in sources[::50]:
        made = (out / f"{source.name}.p7s").read_bytes()
        assert read(made, files={source.name: source.read_bytes()}).holds
