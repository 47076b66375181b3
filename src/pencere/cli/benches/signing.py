"""The bare rate of P-256 signatures on a core: what nobody who signs can pass."""

import subprocess
import sys

from pencere.cli.benches.centre import SERVER_CORE, on_core

_SCRIPT = """
import sys, time
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key, how, data = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256()), bytes(250)
done, began, seconds = 0, time.process_time(), float(sys.argv[1])
while (ran := time.process_time() - began) < seconds:
    for _ in range(100):
        key.sign(data, how)
    done += 100
print(done / ran)
"""


def bare_rate(seconds: float) -> float:
    """Return P-256 signatures a second of the server's core, by the same library."""
    done = subprocess.run(  # noqa: S603  # fixed arguments
        on_core(SERVER_CORE, [sys.executable, "-c", _SCRIPT, str(seconds)]),
        capture_output=True,
        check=True,
    )
    return float(done.stdout)
