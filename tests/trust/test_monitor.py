"""Whoever watches a log sees what is theirs, and sees when the log lies."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.servers import serving

from pencere.cli.commands import ca
from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Misconfigured, PencereError, Unavailable
from pencere.ledger.checkpoint import Checkpoint
from pencere.ledger.proofs import leaf_hash, root
from pencere.ledger.tiles import Tile, encode_bundle
from pencere.trust.holders import mark, watch_key
from pencere.trust.keystore import Keystore
from pencere.trust.monitor import Found, Log, LogInconsistent, Seen, look
from pencere.trust.signers import LogSigner

ORIGIN = "pencere.az/trust"
DIGEST_KEY = b"k" * 32
AYDAN, VUQAR = "PNOAZ-1ABCDE2", "PNOAZ-2ABCDE3"


def certificate(serial: int, holder: str) -> bytes:
    text = f"{serial:x}"
    return canonical_json(
        {
            "holder": mark(DIGEST_KEY, holder, text),
            "kind": "certificate",
            "profile": "person-signature",
            "serial": text,
        }
    )


def revocation(serial: int) -> bytes:
    return canonical_json({"at": "2026-11-22", "kind": "revocation", "serial": f"{serial:x}"})


@dataclass
class Server:
    """A log that says whatever its entries say, or lies as a test wants."""

    signer: LogSigner
    entries: list[bytes] = field(default_factory=list)
    note: str | None = None
    spoil: Callable[[str, bytes], bytes | None] | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def head(self, entries: list[bytes] | None = None) -> str:
        entries = self.entries if entries is None else entries
        leaves = [leaf_hash(one) for one in entries]
        return Checkpoint(ORIGIN, len(leaves), root(leaves)).sign(self.signer)

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == "checkpoint":
            content = (self.note or self.head()).encode()
        else:
            tile = Tile.parse(path.removeprefix("tile/"))
            assert tile.level is None
            content = encode_bundle(self.entries[tile.first : tile.first + tile.width])
        return content if self.spoil is None else self.spoil(path, content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    keystore = Keystore(tmp_path / "keys", "passphrase")
    keystore.create("ledger")
    made = Server(LogSigner(keystore.signer("ledger")))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = made.answer(self.path.removeprefix("/log/"))
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    with serving(Handler) as port:
        made.url = f"http://127.0.0.1:{port}/log"
        yield made


@pytest.fixture
def log(server: Server) -> Iterator[Log]:
    made = Log(server.url, ORIGIN, server.signer.public_key)
    yield made
    made.session.close()


def watched(log: Log, seen: Seen, holder: str = AYDAN) -> tuple[Seen, list[Found]]:
    return look(log, seen, watch_key(DIGEST_KEY, holder), keep=lambda _: None)


def indices(found: list[Found]) -> list[tuple[int, str]]:
    return [(one.index, one.kind) for one in found]


def test_a_person_finds_their_own_entries_only(server: Server, log: Log) -> None:
    server.entries = [certificate(1, VUQAR), certificate(2, AYDAN), revocation(1)]
    seen, first = watched(log, Seen(ORIGIN))
    server.entries += [revocation(2), b"\xff no json", b"[]", certificate(3, AYDAN)]
    seen, second = watched(log, seen)
    seen, third = watched(log, seen)

    assert indices(first) == [(1, "certificate")]
    assert indices(second) == [(3, "revocation"), (6, "certificate")]
    assert (third, seen.size, seen.serials) == ([], 7, ("2", "3"))


def test_no_two_entries_of_one_person_look_alike(server: Server) -> None:
    marks = [json.loads(certificate(serial, AYDAN))["holder"] for serial in (1, 2, 3)]
    key = watch_key(DIGEST_KEY, AYDAN).hex()

    assert (len(set(marks)), key in marks) == (3, False)


def test_an_officer_finds_what_was_approved_in_their_name(server: Server, log: Log) -> None:
    server.entries = [
        canonical_json(
            {"act": act, "kind": "ra.approval", "officer": mark(DIGEST_KEY, holder, act)}
        )
        for act, holder in (("a-1", VUQAR), ("a-2", AYDAN))
    ]

    assert indices(watched(log, Seen(ORIGIN), VUQAR)[1]) == [(0, "ra.approval")]


def test_a_long_log_is_read_in_bundles_and_only_once(server: Server, log: Log) -> None:
    server.entries = [certificate(n, VUQAR) for n in range(1, 601)]
    seen, _ = watched(log, Seen(ORIGIN))
    server.entries.append(certificate(9999, AYDAN))
    server.asked.clear()

    _, found = watched(log, seen)

    assert indices(found) == [(600, "certificate")]
    assert server.asked == ["checkpoint", "tile/entries/002.p/89"]


def begun(server: Server, log: Log) -> Seen:
    server.entries = [certificate(n, VUQAR) for n in range(1, 20)]
    return watched(log, Seen(ORIGIN))[0]


def rewrite(server: Server) -> None:
    server.entries[3] = certificate(77, VUQAR)
    server.entries.append(certificate(99, AYDAN))


def split(server: Server) -> None:
    server.entries[18] = certificate(77, VUQAR)


def shrink(server: Server) -> None:
    del server.entries[-1]


def hide(server: Server) -> None:
    """Sign one tree and show another: an entry left out of what is read."""
    server.entries.append(certificate(99, AYDAN))
    server.note = server.head()
    server.entries[-1] = certificate(98, VUQAR)


def cut(server: Server) -> None:
    server.entries.append(certificate(99, AYDAN))
    server.spoil = lambda path, content: content if path == "checkpoint" else content[:-1]


def add(server: Server) -> None:
    server.entries.append(certificate(99, AYDAN))
    server.spoil = lambda path, content: (
        content if path == "checkpoint" else content + encode_bundle([b"more"])
    )


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (rewrite, "log.rewritten"),
        (split, "log.split_view"),
        (shrink, "log.shrunk"),
        (hide, "log.rewritten"),
        (cut, "log.entry"),
        (add, "log.entry"),
    ],
)
def test_a_log_that_lies_is_caught_with_evidence(
    server: Server, log: Log, lie: Callable[[Server], None], code: str
) -> None:
    seen = begun(server, log)
    kept: list[Seen] = []
    lie(server)

    with pytest.raises(LogInconsistent) as caught:
        look(log, seen, watch_key(DIGEST_KEY, AYDAN), keep=kept.append)

    key = server.signer.public_key
    heads = [Checkpoint.open(note, key, ORIGIN) for note in (caught.value.before, caught.value.now)]
    assert (caught.value.code, kept) == (code, [])
    assert heads[0].size == 19


def unsigned(server: Server) -> str:
    key = ec.generate_private_key(ec.SECP256R1())

    class Stranger:
        public_key = key.public_key()

        def sign(self, data: bytes) -> bytes:
            from cryptography.hazmat.primitives import hashes

            return key.sign(data, ec.ECDSA(hashes.SHA256()))

    return Checkpoint(ORIGIN, 1, b"x" * 32).sign(Stranger())


def of_another_log(server: Server) -> str:
    return Checkpoint("pencere.az/web", 1, b"x" * 32).sign(server.signer)


@pytest.mark.parametrize(
    "note",
    [unsigned, of_another_log, lambda s: s.head().replace("\n19\n", "\n20\n"), lambda _: "\x00"],
)
def test_a_head_that_the_log_did_not_sign_is_refused(
    server: Server, log: Log, note: Callable[[Server], str]
) -> None:
    seen = begun(server, log)
    server.note = note(server)

    with pytest.raises(PencereError, match=r"checkpoint\."):
        watched(log, seen)


@pytest.mark.parametrize(
    "spoil", [lambda _, __: None, lambda path, c: c if path == "checkpoint" else c * 300_000]
)
def test_a_log_that_does_not_answer_well_is_not_called_a_liar(
    server: Server, log: Log, spoil: Callable[[str, bytes], bytes | None]
) -> None:
    server.entries = [certificate(1, AYDAN)]
    server.spoil = spoil

    with pytest.raises(Unavailable, match=r"log\.unavailable"):
        watched(log, Seen(ORIGIN))


def test_what_was_seen_is_kept_whole_and_of_one_log(
    server: Server, log: Log, tmp_path: Path
) -> None:
    file = tmp_path / "seen.json"
    seen = begun(server, log)
    seen.write(file)

    assert Seen.read(file, ORIGIN) == seen
    assert Seen.read(tmp_path / "none.json", ORIGIN) == Seen(ORIGIN)
    with pytest.raises(Misconfigured):
        Seen.read(file, "pencere.az/web")
    file.write_text(file.read_text()[:-20])
    with pytest.raises(Misconfigured):
        Seen.read(file, ORIGIN)


def monitored(server: Server, tmp_path: Path, *more: str) -> int:
    pem = server.signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "log.pem").write_bytes(pem)
    return ca.run(
        [
            *("monitor", "--log", server.url, "--key", str(tmp_path / "log.pem")),
            *("--holder", watch_key(DIGEST_KEY, AYDAN).hex()),
            *("--state", str(tmp_path / "seen.json"), *more),
        ]
    )


def test_the_command_reports_and_then_raises_the_alarm(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.entries = [certificate(1, VUQAR), certificate(0xABC, AYDAN)]
    first = monitored(server, tmp_path)
    told = capsys.readouterr().out
    server.entries[0] = certificate(5, VUQAR)
    second = monitored(server, tmp_path, "--json")
    alarm = capsys.readouterr().err
    evidence = json.loads((tmp_path / "seen.json.evidence").read_text())

    assert (first, second, evidence["code"]) == (0, 1, "log.split_view")
    assert "certificate   entry 1  profile person-signature  serial abc" in told
    assert "THE LOG IS NOT CONSISTENT" in alarm
    assert evidence["before"] != evidence["now"]


@pytest.mark.parametrize("handle", ["", "abc", "g" * 64, "a" * 62])
def test_a_handle_that_is_none_is_refused(handle: str) -> None:
    from pencere.trust.holders import parse_handle

    with pytest.raises(Invalid, match=r"handle\.invalid"):
        parse_handle(handle)
