"""Spool files: what is written comes back, nobody else can read it, and nothing stays."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pencere.gateway.http.spool_cipher import SpoolCipher
from pencere.kernel.http.body import CHUNK_BYTES, Body, BodyGone, Source, Stream
from pencere.kernel.http.spool import Spool, SpoolRefused, Spools

T = TypeVar("T")
MIB = 1024 * 1024
DATA = b"".join(number.to_bytes(8, "big") for number in range(3 * MIB // 8)) + b"the end"


def run(folder: Path, work: Callable[[Spools], Coroutine[Any, Any, T]], **changes: Any) -> T:
    values: dict[str, Any] = {"limit": 64 * MIB} | changes

    async def whole() -> T:
        spools = Spools(folder, SpoolCipher, **values)
        try:
            return await work(spools)
        finally:
            spools.stop()

    return asyncio.run(whole())


async def spooled(spools: Spools, data: bytes = DATA, step: int = 100_000) -> Body:
    spool = spools.open(data[:step])
    try:
        for at in range(step, len(data), step):
            spool.write(data[at : at + step])
        return spool.finish()
    except SpoolRefused:
        spool.close()
        raise


async def settled(spool: "Spool | Body") -> None:
    """Wait until the thread has written all."""
    await until(lambda: not spool._file.pending_bytes)  # type: ignore[union-attr]


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def until(claim: Callable[[], bool]) -> None:
    for _ in range(1000):
        if claim():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


@pytest.mark.parametrize("step", [1, 1000, CHUNK_BYTES, 100_000, len(DATA)])
def test_what_is_written_comes_back_however_it_was_cut(tmp_path: Path, step: int) -> None:
    data = DATA if step > 1 else DATA[:200_000]

    async def work(spools: Spools) -> tuple[bytes, bytes, bytes, bytes, int]:
        body = await spooled(spools, data, step)
        early = bytes(body)
        await settled(body)
        found = early, bytes(body), body.digest, body.read(70_000, 100), len(body)
        body.close()
        return found

    assert run(tmp_path, work) == (
        data, data, hashlib.sha512(data).digest(), data[70_000:70_100], len(data),
    )  # fmt: skip


def test_a_part_is_a_body_and_the_digest_is_of_the_span_alone(tmp_path: Path) -> None:
    async def work(spools: Spools) -> tuple[bytes, bytes]:
        spool = spools.open(DATA[:10], lambda begun: (len(begun) + 5, 200_000))
        spool.write(DATA[10:])
        whole = spool.finish()
        part = whole.part(15, 200_000, whole.digest)
        return bytes(part), part.digest

    content, digest = run(tmp_path, work)

    assert (content, digest) == (DATA[15:200_015], hashlib.sha512(DATA[15:200_015]).digest())


def test_the_disk_holds_no_plain_byte_and_the_file_has_no_name(tmp_path: Path) -> None:
    async def work(spools: Spools) -> tuple[list[str], bytes]:
        body = await spooled(spools)
        await settled(body)
        descriptor = body._file._descriptor  # type: ignore[attr-defined]
        return names_in(tmp_path), os.pread(descriptor, 4 * MIB, 0)

    names, stored = run(tmp_path, work)

    assert names == []
    assert len(stored) > 3 * MIB - CHUNK_BYTES
    assert DATA[:32] not in stored


def test_a_changed_piece_is_noticed(tmp_path: Path) -> None:
    async def work(spools: Spools) -> None:
        body = await spooled(spools)
        await settled(body)
        os.pwrite(body._file._descriptor, b"!", 100)  # type: ignore[attr-defined]
        bytes(body)

    with pytest.raises(BodyGone):
        run(tmp_path, work)


def test_pieces_cannot_change_places(tmp_path: Path) -> None:
    async def work(spools: Spools) -> None:
        body = await spooled(spools)
        await settled(body)
        descriptor, size = body._file._descriptor, CHUNK_BYTES + 16  # type: ignore[attr-defined]
        first, second = os.pread(descriptor, size, 0), os.pread(descriptor, size, size)
        os.pwrite(descriptor, second + first, 0)
        bytes(body)

    with pytest.raises(BodyGone):
        run(tmp_path, work)


def test_a_closed_body_gives_nothing_and_its_room_back(tmp_path: Path) -> None:
    async def work(spools: Spools) -> tuple[int, int, int, int]:
        body = await spooled(spools)
        used = spools.in_use
        body.close()
        body.close()
        with pytest.raises(BodyGone):
            bytes(body)
        forgotten = await spooled(spools)
        del forgotten
        await until(lambda: not spools.files)
        return used, spools.in_use, spools.files, spools.refusals

    assert run(tmp_path, work) == (len(DATA), 0, 0, 0)


def test_the_budget_is_for_all_files_together(tmp_path: Path) -> None:
    async def work(spools: Spools) -> int:
        kept = await spooled(spools)
        with pytest.raises(SpoolRefused, match="used up"):
            await spooled(spools)
        with pytest.raises(SpoolRefused, match="used up"):
            spools.check(2 * MIB)
        kept.close()
        (await spooled(spools)).close()
        return spools.in_use

    assert run(tmp_path, work, limit=4 * MIB) == 0


def test_a_disk_that_is_nearly_full_is_left_to_the_log(tmp_path: Path) -> None:
    async def work(spools: Spools) -> None:
        spools.open(bytes(CHUNK_BYTES))

    with pytest.raises(SpoolRefused, match="nearly full"):
        run(tmp_path, work, free=2**60)


def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    async def work(spools: Spools) -> None:
        spools.open(b"x")

    with pytest.raises(SpoolRefused, match="disk refuses"):
        run(tmp_path / "file", work)


def test_while_the_disk_is_behind_the_spool_is_full_and_tells_when_there_is_room(
    tmp_path: Path,
) -> None:
    async def work(spools: Spools) -> tuple[bool, bool, int, bytes]:
        behind, told = threading.Event(), []
        spools.put(lambda: behind.wait(5) and None)
        spool = spools.open(DATA[:CHUNK_BYTES])
        spool.when_written(lambda: told.append(spool.is_full))
        spool.write(DATA[CHUNK_BYTES : 2 * MIB])
        was_full = spool.is_full
        behind.set()
        await settled(spool)
        spool.write(DATA[2 * MIB :])
        return was_full, told[-1], len(told), bytes(spool.finish())

    assert run(tmp_path, work) == (True, False, 32, DATA)


def test_a_disk_that_fails_refuses_more_but_keeps_what_was_whole(tmp_path: Path) -> None:
    async def work(spools: Spools) -> tuple[bytes, bool]:
        behind = threading.Event()
        spools.put(lambda: behind.wait(5) and None)
        bodies = [spools.open(DATA[:MIB]), spools.open(DATA[:MIB])]
        whole = bodies[0].finish()
        for one in bodies:
            descriptor = one._file._descriptor
            read_only = os.open("/dev/null", os.O_RDONLY)
            os.dup2(read_only, descriptor)
            os.close(read_only)
        behind.set()
        await until(lambda: bool(bodies[1].trouble))
        with pytest.raises(SpoolRefused, match="disk refuses"):
            bodies[1].write(b"more")
        return bytes(whole), bool(bodies[1].trouble)

    assert run(tmp_path, work) == (DATA[:MIB], True)


def test_after_kill_9_nothing_is_left(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, time\n"
        "from pathlib import Path\n"
        "from pencere.gateway.http.spool_cipher import SpoolCipher\n"
        "from pencere.kernel.http.spool import Spools\n"
        "async def run():\n"
        "    spool = Spools(Path(sys.argv[1]), SpoolCipher, limit=2**30).open(bytes(3 * 2**20))\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(30)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)

    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_before_it_lost_its_name_goes_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "0123.spool").write_bytes(b"left")
    (tmp_path / "another").write_bytes(b"not ours")

    Spools(tmp_path, SpoolCipher, limit=1).clean()
    Spools(tmp_path / "none", SpoolCipher, limit=1).clean()

    assert [one.name for one in tmp_path.iterdir()] == ["another"]


def test_a_stream_is_read_as_often_as_wanted_in_pieces_of_any_size(tmp_path: Path) -> None:
    async def work(spools: Spools) -> tuple[bytes, bytes, int]:
        body = await spooled(spools)
        stream = Stream([b"before", Stream([body]), b"after"])
        source, parts = Source(stream), []
        while source.left:
            parts.append(source.take(min(99_999, source.left)))
        found = b"".join(stream.chunks()), b"".join(parts), len(stream)
        stream.close()
        with pytest.raises(BodyGone):
            Source(stream).take(len(DATA))
        return found

    whole = b"before" + DATA + b"after"
    assert run(tmp_path, work) == (whole, whole, len(whole))
