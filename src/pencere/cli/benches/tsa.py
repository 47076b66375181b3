"""`pencere bench tsa`: time-stamp tokens against bare signing; `openssl ts` judges them."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.cli.benches.centre import CLIENT_CORE, SERVER_CORE, Trial, on_core, trial_centre
from pencere.cli.benches.load import Rate, keep_alive, middle, post
from pencere.cli.benches.signing import bare_rate
from pencere.kernel.errors import Refused
from pencere.trust import timestamps

RUNS, SECONDS = 3, 0.8
JUDGED = 25
_KIND = "application/timestamp-query"

# The unit alone: what a token costs without HTTP, on the server's core.
_ALONE = """
import secrets, sys, time
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pathlib import Path
from pencere.kernel.clock import SystemClock
from pencere.trust import timestamps
from pencere.trust.profile import load_authority
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock, since_boot
certificate = x509.load_pem_x509_certificate(Path(sys.argv[2]).read_bytes())
signer = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()), (certificate,), Role.TIME_STAMP)
clock = SteadyClock(SystemClock(), None, counter=since_boot)
unit = timestamps.TimeStampUnit(signer, load_authority().tsa_policy, clock)
asked = [timestamps.request(secrets.token_bytes(32), nonce=secrets.randbits(63) | 1 << 62)
         for _ in range(64)]
done, began, seconds = 0, time.process_time(), float(sys.argv[1])
while (ran := time.process_time() - began) < seconds:
    for one in asked:
        unit.respond(one)
    done += len(asked)
print(done / ran)
"""


def bench_tsa() -> list[dict[str, object]]:
    """Return a row for each figure, with its limit, their ratio and the target.

    Raises:
        Refused: `bench.token`, a token that `openssl ts` does not take.
    """
    os.sched_setaffinity(0, {CLIENT_CORE})
    bare: list[float] = []
    alone: list[float] = []
    served: list[Rate] = []
    with trial_centre() as trial:
        asked = [
            timestamps.request(secrets.token_bytes(32), nonce=secrets.randbits(63) | 1 << 62)
            for _ in range(64)
        ]
        pem = trial.installation.data / "tsa.pem"
        certificate = trial.centre.keystore.certificates("tsa")[0]
        pem.write_bytes(certificate.public_bytes(Encoding.PEM))
        command = on_core(SERVER_CORE, [sys.executable, "-c", _ALONE, str(SECONDS), str(pem)])
        requests = [post("/tsa", _KIND, one) for one in asked]
        for _ in range(RUNS):
            bare.append(bare_rate(SECONDS / 2))
            done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603  # ours
            alone.append(float(done.stdout))
            served.append(keep_alive(trial.port, requests, SECONDS, trial.pid))
        _judge(trial, asked[:JUDGED])
    rate, signing = middle(served), median(bare)
    common = {
        "unit": "tokens per second of one core",
        "limit": round(signing),
        "limit_name": "bare P-256 signing",
        "runs": RUNS,
        "judged_by_openssl": JUDGED,
    }
    return [
        {
            "name": "tsa tokens, in process",
            "value": round(median(alone)),
            "ratio": round(median(alone) / signing, 3),
            "target": 0.5,
            **common,
        },
        {
            "name": "tsa tokens over HTTP, keep-alive",
            "value": round(rate.per_core_s),
            "ratio": round(rate.per_core_s / signing, 3),
            "target": None,
            "per_s_as_seen": round(rate.per_s),
            **common,
        },
    ]


def _judge(trial: Trial, asked: list[bytes]) -> None:
    folder = trial.installation.data
    root = folder / "root.pem"
    authority = x509.load_pem_x509_certificate((trial.installation.pki / "root.crt").read_bytes())
    root.write_bytes(authority.public_bytes(Encoding.PEM))
    query, reply = folder / "q.tsq", folder / "r.tsr"
    for one in asked:
        query.write_bytes(one)
        reply.write_bytes(_ask(trial.port, one))
        _refuse_false(root, query, reply)


def _ask(port: int, asked: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(post("/tsa", _KIND, asked, close=True))
        answer = b""
        while piece := caller.recv(65536):
            answer += piece
    return answer.partition(b"\r\n\r\n")[2]


def _refuse_false(root: Path, query: Path, reply: Path) -> None:
    said = subprocess.run(  # noqa: S603  # fixed arguments
        [
            *("openssl", "ts", "-verify", "-queryfile", str(query), "-in", str(reply)),
            *("-CAfile", str(root)),
        ],
        capture_output=True,
        check=False,
    )
    if said.returncode != 0:
        raise Refused("bench.token", said=said.stderr.decode(errors="replace")[:300])
