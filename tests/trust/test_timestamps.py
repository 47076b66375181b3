"""Time-stamps as `openssl ts` sees them, and requests that get none."""

import hashlib
import subprocess
import sys
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
