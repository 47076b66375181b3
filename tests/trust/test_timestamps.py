"""Time-stamps as `openssl ts` sees them, and requests that get none."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trust.conftest import NOW, Founded, openssl, write_pem

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Unavailable
from pencere.trust import der, timestamps
from pencere.trust.profile import load_authority
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import Rejected, TimeStampUnit


@pytest.fixture
def unit(founded: Founded) -> TimeStampUnit:
    clock = SteadyClock(founded.clock, None)
    return TimeStampUnit(founded.centre.keystore.signer("tsa"), load_authority().tsa_policy, clock)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_openssl_verifies_the_token_it_asked_for(
    founded: Founded, unit: TimeStampUnit, algorithm: str, tmp_path: Path
) -> None:
    data, request, response = tmp_path / "data", tmp_path / "q.tsq", tmp_path / "r.tsr"
    data.write_bytes(b"hello")
    root = write_pem(tmp_path / "root.pem", founded.root)
    openssl(*("ts", "-query", "-data", str(data)), f"-{algorithm}", "-cert", "-out", str(request))
    response.write_bytes(unit.respond(request.read_bytes()))

    said = openssl(
        *("ts", "-verify", "-queryfile", str(request), "-in", str(response)),
        *("-CAfile", root, "-attime", str(int(NOW.timestamp()))),
    )
    text = openssl("ts", "-reply", "-in", str(response), "-text")

    assert "Verification: OK" in said
    assert f"Policy OID: {load_authority().tsa_policy}" in text
    assert "Accuracy: 0x01 seconds" in text


def test_a_token_without_the_certificate_is_verified_with_one_at_hand(
    founded: Founded, unit: TimeStampUnit, tmp_path: Path
) -> None:
    data, request, response = tmp_path / "data", tmp_path / "q.tsq", tmp_path / "r.tsr"
    data.write_bytes(b"hello")
    root = write_pem(tmp_path / "root.pem", founded.root)
    chain = write_pem(
        tmp_path / "c.pem",
        founded.certificate("tsa"),
        founded.certificate("issuing-infrastructure"),
    )
    openssl("ts", "-query", "-data", str(data), "-sha256", "-no_nonce", "-out", str(request))
    response.write_bytes(unit.respond(request.read_bytes()))

    openssl(
        *("ts", "-verify", "-data", str(data), "-in", str(response), "-untrusted", chain),
        *("-CAfile", root, "-attime", str(int(NOW.timestamp()))),
    )


_ALONE = """
import sys
from pathlib import Path
from cryptography import x509
from pencere.trust.stamping import verify_token
token, root = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()
print(verify_token(token, bytes(32), x509.load_pem_x509_certificates(root)).isoformat())
"""


def test_a_token_verifies_in_a_process_that_has_loaded_nothing_else(
    founded: Founded, unit: TimeStampUnit, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_bytes(unit.token(timestamps.parse_request(timestamps.request(bytes(32), nonce=7))))

    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(token), write_pem(tmp_path / "root.pem", founded.root)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.strip(), done.stderr) == (NOW.isoformat(), "")


def test_a_clock_that_went_back_stops_the_service(founded: Founded) -> None:
    clock = FixedClock(NOW)
    steady = SteadyClock(clock, None)
    first = steady.now()
    clock.advance(-timedelta(seconds=0.5))
    within = steady.now()
    clock.advance(-timedelta(seconds=5))

    with pytest.raises(Unavailable, match=r"clock\.backwards"):
        steady.now()
    assert (first, within) == (NOW, NOW)


def test_a_mark_from_before_the_restart_is_kept_to(founded: Founded, unit: TimeStampUnit) -> None:
    steady = SteadyClock(founded.clock, NOW + timedelta(hours=1))
    late = TimeStampUnit(founded.centre.keystore.signer("tsa"), load_authority().tsa_policy, steady)

    answer = late.respond(timestamps.request(hashlib.sha256(b"x").digest(), nonce=1))

    assert refusal(answer) == ("rejection", {"time_not_available"})


def refusal(response: bytes) -> tuple[str, set[str]]:
    parts = der.only(response, der.SEQUENCE, limit=1000)
    status = tsp.PKIStatusInfo.load(parts.element(der.SEQUENCE).encoded)
    parts.end()  # no token
    return status["status"].native, status["fail_info"].native


def asked(**changes: object) -> bytes:
    request = {
        "version": 1,
        "message_imprint": {
            "hash_algorithm": {"algorithm": "sha256"},
            "hashed_message": b"\1" * 32,
        },
        "nonce": 7,
        **changes,
    }
    return tsp.TimeStampReq(request).dump()


@pytest.mark.parametrize(
    ("request_bytes", "failure"),
    [
        (asked(req_policy="1.2.3"), "unaccepted_policy"),
        (
            asked(
                message_imprint={
                    "hash_algorithm": {"algorithm": "sha1"},
                    "hashed_message": b"\1" * 20,
                }
            ),
            "bad_alg",
        ),
        (
            asked(
                message_imprint={
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": b"\1" * 31,
                }
            ),
            "bad_data_format",
        ),
        (b"", "bad_data_format"),
        (b"0\x80", "bad_data_format"),
        (asked() + b"\0", "bad_data_format"),
        (
            asked(extensions=[{"extn_id": "1.2.3", "critical": True, "extn_value": b"\x05\x00"}]),
            "unaccepted_extensions",
        ),
    ],
    ids=["policy", "algorithm", "length", "empty", "indefinite", "trailing", "extension"],
)
def test_a_request_that_cannot_be_granted_is_told_why(
    unit: TimeStampUnit, request_bytes: bytes, failure: str
) -> None:
    assert refusal(unit.respond(request_bytes)) == ("rejection", {failure})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_garbage_is_a_request(garbage: bytes) -> None:
    with pytest.raises(Rejected):
        timestamps.parse_request(garbage)


@given(st.integers(min_value=0, max_value=1 << 300), st.binary(max_size=300))
def test_what_is_written_is_read_back(number: int, content: bytes) -> None:
    reader = der.only(
        der.sequence(der.integer(number), der.octet_string(content)), der.SEQUENCE, limit=1000
    )

    assert (reader.integer(), reader.element(der.OCTET_STRING).content) == (number, content)


def info(response: bytes) -> tsp.TSTInfo:
    content = tsp.TimeStampResp.load(response)["time_stamp_token"]["content"]
    return content["encap_content_info"]["content"].parsed


def test_serial_numbers_differ_over_restarts_and_within(founded: Founded) -> None:
    signer, policy = founded.centre.keystore.signer("tsa"), load_authority().tsa_policy
    clock = SteadyClock(founded.clock, None)
    serials = [
        info(unit.respond(asked()))["serial_number"].native
        for run in (7, 7, 8)
        for unit in [TimeStampUnit(signer, policy, clock, run=run)]
        for _ in range(50)
    ]

    assert (len(set(serials)), max(serials).bit_length() <= 159) == (150, True)


def test_ordered_tokens_have_times_that_grow(founded: Founded) -> None:
    unit = TimeStampUnit(
        founded.centre.keystore.signer("tsa"),
        load_authority().tsa_policy,
        SteadyClock(founded.clock, None),
        is_ordered=True,
    )
    found = [info(unit.respond(asked())) for _ in range(5)]

    times = [one["gen_time"].native for one in found]
    assert (times, {one["ordering"].native for one in found}) == (sorted(set(times)), {True})


def test_a_fraction_of_a_second_is_written_as_der_wants_it(founded: Founded) -> None:
    founded.clock.advance(timedelta(milliseconds=120))
    unit = TimeStampUnit(
        founded.centre.keystore.signer("tsa"),
        load_authority().tsa_policy,
        SteadyClock(founded.clock, None),
    )
    response = unit.respond(asked())

    assert b"\x18\x12" + NOW.strftime("%Y%m%d%H%M%S").encode() + b".12Z" in response


@pytest.mark.parametrize(
    ("name", "size"), [("sha3_256", 32), ("sha3_384", 48), ("sha3_512", 64), ("sha512", 64)]
)
def test_every_digest_that_we_accept_is_stamped(unit: TimeStampUnit, name: str, size: int) -> None:
    imprint = {"hash_algorithm": {"algorithm": name}, "hashed_message": b"\1" * size}

    made = info(unit.respond(asked(message_imprint=imprint)))

    assert made["message_imprint"].native["hashed_message"] == b"\1" * size


class AwaySigner:
    """A hardware module that does not answer."""

    def __init__(self, signer: object) -> None:
        self._signer = signer

    def __getattr__(self, name: str) -> object:
        return getattr(self._signer, name)

    def sign(self, _data: bytes) -> bytes:
        raise Unavailable("token.away")


def test_a_key_that_is_away_is_a_failure_of_the_system(founded: Founded) -> None:
    unit = TimeStampUnit(
        AwaySigner(founded.centre.keystore.signer("tsa")),
        load_authority().tsa_policy,
        SteadyClock(founded.clock, None),
    )

    assert refusal(unit.respond(asked())) == ("rejection", {"system_failure"})


def test_no_token_is_made_after_the_end_of_the_certificate(founded: Founded) -> None:
    ends = founded.certificate("tsa").not_valid_after_utc
    founded.clock.advance(ends - NOW + timedelta(seconds=2))
    unit = TimeStampUnit(
        founded.centre.keystore.signer("tsa"),
        load_authority().tsa_policy,
        SteadyClock(founded.clock, None),
    )

    assert refusal(unit.respond(asked())) == ("rejection", {"system_failure"})


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 120), st.integers(0, 255), st.integers(1, 1 << 128), st.booleans(), st.booleans()
)
def test_a_shape_that_is_remembered_reads_like_the_parser(
    at: int, byte: int, nonce: int, has_nonce: bool, wants: bool
) -> None:
    reader, changes = timestamps.RequestReader(), {"cert_req": wants}
    first = asked(**changes, nonce=1 << 63 if has_nonce else None)
    reader.read(first)
    second = asked(
        **changes,
        nonce=nonce if has_nonce else None,
        message_imprint={"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"\2" * 32},
    )
    changed = bytearray(second)
    changed[at % len(changed)] = byte
    for one in (first, second, bytes(changed)):
        assert outcome(reader.read, one) == outcome(timestamps.parse_request, one)


def outcome(read: Callable[[bytes], object], encoded: bytes) -> object:
    try:
        return read(encoded)
    except Rejected as error:
        return error.failure
