"""Frames between nodes: what is none cuts the connection, and credit is kept to."""

import asyncio
import contextlib
import json
import threading
from pathlib import Path

import pytest
from tests.gateway.conftest import Pair, wait_until
from tests.gateway.link.frames import caller
from tests.gateway.test_faults import GOOD, outcome
from tests.gateway.test_link import signed

from pencere.gateway.http.spool_cipher import SpoolCipher
from pencere.gateway.link import frames
from pencere.gateway.link.connection import LinkConnection, LinkLimits
from pencere.gateway.link.frames import Cancel, Frame, FrameError, FrameKind, FrameReader
from pencere.gateway.wire import envelope as wire
from pencere.kernel.http.body import Body
from pencere.kernel.http.message import Limits
from pencere.kernel.http.spool import Spools

REQUEST, MORE = FrameKind.REQUEST, FrameKind.MORE
FULL = bytes(frames.FRAME_BYTES)


def test_the_worked_example_of_the_specification() -> None:
    data = bytes.fromhex("0101000000010000000568656c6c6f") + bytes.fromhex(
        "04000000000100000004" + "00010000"
    )

    assert FrameReader().feed(data) == [
        Frame(REQUEST, True, 1, b"hello"),
        Frame(FrameKind.CREDIT, False, 1, (65536).to_bytes(4, "big")),
    ]
    assert data == frames.pack(REQUEST, 1, b"hello", is_last=True) + frames.credit(1, 65536)


def test_frames_are_the_same_however_the_bytes_are_cut() -> None:
    data = (
        frames.pack(REQUEST, 1, b"a" * 300)
        + frames.goaway(7, "stopping")
        + frames.cancel(1, Cancel.BUSY)
    )
    reader = FrameReader()

    one_by_one = [frame for at in range(len(data)) for frame in reader.feed(data[at : at + 1])]

    assert one_by_one == FrameReader().feed(data)
    assert (len(one_by_one), reader.is_between) == (3, True)


MALFORMED = {
    "unknown kind": b"\x09" + bytes(9),
    "kind 0": bytes(10),
    "unknown flag": b"\x01\x02\0\0\0\x01\0\0\0\0",
    "a ping that ends": b"\x06\x01\0\0\0\0\0\0\0\x08" + bytes(8),
    "a request on stream 0": frames.pack(REQUEST, 0, b"x"),
    "a ping on a stream": frames.pack(FrameKind.PING, 1, bytes(8)),
    "a stream beyond the last": frames.header(REQUEST, 2**31, 0, is_last=True),
    "a length beyond the largest": frames.header(REQUEST, 1, 65537, is_last=True),
    "the largest length there is": frames.header(REQUEST, 1, 2**32 - 1, is_last=True),
    "a short ping": frames.pack(FrameKind.PING, 0, b"x"),
    "a long credit": frames.pack(FrameKind.CREDIT, 1, bytes(5)),
    "an endless reason": frames.pack(FrameKind.GOAWAY, 0, bytes(205)),
    "a piece of nothing": frames.pack(MORE, 1, b""),
}
OUT_OF_PLACE = {
    "more of what never began": frames.pack(MORE, 1, b"x"),
    "an answer from a caller": frames.pack(FrameKind.ANSWER, 1, b"\x00\xc8", is_last=True),
    "an end of what never began": frames.cancel(5, Cancel.UNWANTED),
    "the same stream again": frames.pack(REQUEST, 3, b"x") * 2,
    "an older stream": frames.pack(REQUEST, 3, b"x") + frames.pack(REQUEST, 2, b"x"),
    "goaway from a caller": frames.goaway(0, ""),
    "pings without end": frames.pack(FrameKind.PING, 0, bytes(8)) * 1000,
    "HTTP": b"POST /exchange HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(data)


@pytest.mark.parametrize(
    "data", (MALFORMED | OUT_OF_PLACE).values(), ids=list(MALFORMED | OUT_OF_PLACE)
)
def test_who_breaks_the_protocol_is_cut_off_and_others_are_served(
    pair: Pair, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    pair.start()

    with caller(pair) as hostile:
        with contextlib.suppress(OSError):  # cut while it still wrote
            hostile.send(data)
        kinds = {frame.kind for frame in hostile.rest()}

    assert kinds <= {FrameKind.CREDIT, FrameKind.PONG}
    assert "link_cut reason=\"'malformed: " in caplog.text or "link_cut reason='malformed: " in (
        caplog.text
    )
    assert outcome(pair) == GOOD


def test_half_a_frame_that_never_ends_is_cut_off(pair: Pair) -> None:
    pair.start(1, limits=Limits(body_s=0.5))

    with caller(pair) as slow:
        slow.send(frames.header(REQUEST, 1, 100, is_last=True) + b"x")
        assert slow.rest() == []


def test_half_a_message_that_never_ends_is_ended_and_the_connection_stays(pair: Pair) -> None:
    pair.start(1, limits=Limits(body_s=0.5))

    with caller(pair) as slow:
        slow.send(frames.pack(REQUEST, 1, b"PX1"))
        ended = slow.next()
        slow.send(frames.pack(FrameKind.PING, 0, b"12345678"))
        pong = slow.next()

    assert ended == Frame(FrameKind.CANCEL, False, 1, bytes([Cancel.SLOW]))
    assert pong == Frame(FrameKind.PONG, False, 0, b"12345678")


def test_a_message_that_is_too_large_is_refused_and_the_connection_stays(pair: Pair) -> None:
    pair.start(1, limits=Limits(body_bytes=100_000))
    piece = frames.pack(MORE, 1, FULL)

    with caller(pair) as large:
        large.send(frames.pack(REQUEST, 1, FULL))
        sent, answers = 1, []
        while not answers:
            large.send(piece, piece)
            sent += 2
            frame = large.next()
            assert frame is not None
            if frame.kind is FrameKind.ANSWER:
                answers.append(frame)
        large.send(frames.pack(REQUEST, 2, b"nonsense", is_last=True))
        after = large.message(2)

    assert answers[0].payload[:2] == (413).to_bytes(2, "big")
    assert json.loads(answers[0].payload[2:])["kind"] == "MESSAGE_TOO_LARGE"
    assert sent < 10
    assert json.loads(after)["kind"] == "INVALID_REQUEST"


def test_a_large_answer_waits_for_credit_and_blocks_nobody(pair: Pair) -> None:
    pair.start(1)
    content = "a" * 4_000_000
    pair.upstream.responds = {"body": content}

    with caller(pair) as slow:
        slow.send(frames.pack(REQUEST, 1, wire.pack(signed(pair)), is_last=True))
        got = 0
        parts: list[bytes] = []
        while got < frames.WINDOW_BYTES:
            frame = slow.next()
            assert frame is not None
            got += len(frame.payload)
            parts.append(frame.payload)
        # Not a byte more comes; a small message does.
        slow.send(frames.pack(REQUEST, 2, b"nonsense", is_last=True))
        other = slow.next()
        slow.send(frames.credit(1, 8_000_000))
        while not frame.is_last:
            frame = slow.next()
            assert frame is not None
            parts.append(frame.payload)

    assert got == frames.WINDOW_BYTES
    assert other is not None
    assert (other.stream, other.is_last) == (2, True)
    answer = wire.unpack(b"".join(parts)[2:])
    assert answer.body == content.encode()


def test_an_unwanted_answer_does_not_come(pair: Pair) -> None:
    pair.start(1)
    pair.upstream.delay_s = 0.5

    with caller(pair) as impatient:
        impatient.send(frames.pack(REQUEST, 1, wire.pack(signed(pair)), is_last=True))
        wait_until(lambda: len(pair.upstream.calls) == 1)
        impatient.send(frames.cancel(1, Cancel.UNWANTED))
        pair.upstream.released.set()
        wait_until(lambda: pair.node(1).core.in_flight == 0)
        impatient.send(frames.pack(FrameKind.PING, 0, bytes(8)))
        only = impatient.next()

    assert only == Frame(FrameKind.PONG, False, 0, bytes(8))


def test_a_stopping_node_says_so_and_answers_what_it_began(pair: Pair) -> None:
    pair.start(1)
    pair.upstream.delay_s = 1.0

    with caller(pair) as patient:
        patient.send(frames.pack(REQUEST, 1, wire.pack(signed(pair)), is_last=True))
        wait_until(lambda: len(pair.upstream.calls) == 1)
        stopping = threading.Thread(target=pair.stop, args=(1,))
        stopping.start()
        goaway = patient.next()
        patient.send(frames.pack(REQUEST, 2, b"late", is_last=True))
        late = patient.next()
        pair.upstream.released.set()
        rest = patient.rest()
        stopping.join()

    assert goaway == Frame(FrameKind.GOAWAY, False, 0, b"\0\0\0\x01stopping")
    assert late == Frame(FrameKind.CANCEL, False, 2, bytes([Cancel.STOPPING]))
    assert [(one.kind, one.stream, one.payload[:2]) for one in rest] == [
        (FrameKind.ANSWER, 1, b"\x00\xc8")
    ]


def test_more_streams_than_allowed_are_told_to_wait(pair: Pair) -> None:
    pair.start(1, in_flight=16)

    with caller(pair) as many:
        many.send(*(frames.pack(REQUEST, stream, b"P") for stream in range(1, 18)))
        assert many.next() == Frame(FrameKind.CANCEL, False, 17, bytes([Cancel.BUSY]))


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Frame] = []
        self.is_cut = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Have no limits."""

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        self.written += FrameReader().feed(bytes(data))

    def abort(self) -> None:
        self.is_cut = True


class End(LinkConnection):
    """An end that keeps whole messages."""

    has_work = False

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: LinkLimits, spools: Spools | None = None
    ) -> None:
        super().__init__(loop, limits, spools)
        self.messages: list[int] = []

    def on_frame(self, frame: Frame) -> None:
        if frame.kind is MORE:
            self.continue_message(frame)
        else:
            self.begin_message(frame, 0, frame.payload)

    def on_message(self, stream: int, status: int, data: bytes | Body) -> None:
        self.messages.append(len(data))

    def on_no_room(self, stream: int, reason: str) -> None:
        raise AssertionError(reason)

    def on_too_large(self, stream: int) -> None:
        raise AssertionError(stream)


async def _end_with_two_messages() -> tuple[End, Wire]:
    loop, wire = asyncio.get_running_loop(), Wire()
    end = End(loop, LinkLimits(unfinished_bytes=256 * 1024))
    end.connection_made(wire)
    for stream in (1, 2):
        end.data_received(frames.pack(REQUEST, stream, FULL))
    for _ in range(2):
        for stream in (1, 2):
            end.data_received(frames.pack(MORE, stream, FULL))
    await asyncio.sleep(0.01)
    return end, wire


def test_above_the_budget_only_the_oldest_message_is_given_credit() -> None:
    async def run() -> tuple[list[int], list[int], list[int]]:
        end, wire = await _end_with_two_messages()
        first = [one.stream for one in wire.written if one.kind is FrameKind.CREDIT]
        end.data_received(frames.pack(MORE, 1, FULL, is_last=True))
        await asyncio.sleep(0.01)
        after = [one.stream for one in wire.written if one.kind is FrameKind.CREDIT]
        return first, after, end.messages

    first, after, messages = asyncio.run(run())

    assert (set(first), after[-1], messages) == ({1, 2}, 2, [4 * frames.FRAME_BYTES])
    assert first.count(2) == 1


def test_who_sends_more_than_it_has_credit_for_is_cut_off() -> None:
    async def run() -> bool:
        end, wire = await _end_with_two_messages()
        for _ in range(12):
            end.data_received(frames.pack(MORE, 2, FULL))
        return wire.is_cut

    assert asyncio.run(run())


def test_while_the_disk_is_behind_a_large_message_is_given_no_credit(tmp_path: Path) -> None:
    async def run() -> tuple[int, int, int]:
        spools, behind = Spools(tmp_path, SpoolCipher, limit=2**30), threading.Event()
        spools.put(lambda: behind.wait(5) and None)
        end, wire = End(asyncio.get_running_loop(), LinkLimits(), spools), Wire()
        end.connection_made(wire)
        end.data_received(frames.pack(REQUEST, 1, FULL))
        sent = frames.FRAME_BYTES

        def allowed() -> int:
            given = [one for one in wire.written if one.kind is FrameKind.CREDIT]
            return frames.WINDOW_BYTES + sum(frames.read_number(one.payload) for one in given)

        async def send_all() -> None:
            nonlocal sent
            for _ in range(20):
                while sent + frames.FRAME_BYTES <= allowed() and sent < 4 * 1024 * 1024:
                    end.data_received(frames.pack(MORE, 1, FULL))
                    sent += frames.FRAME_BYTES
                await asyncio.sleep(0.005)

        await send_all()
        held_up = sent
        behind.set()
        await send_all()
        end.data_received(frames.pack(MORE, 1, b"end", is_last=True))
        spools.stop()
        return held_up, end.messages[0], end._unfinished

    held_up, size, unfinished = asyncio.run(run())

    # What may wait for the disk, the part that begins a file, and what was on its way.
    assert 1024 * 1024 <= held_up <= 1024 * 1024 + 2 * frames.WINDOW_BYTES
    assert (size, unfinished) == (4 * 1024 * 1024 + 3, 0)
