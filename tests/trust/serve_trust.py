"""The service as the tests run it, and as it is run; the values come from the fixture."""

import os
import sys
from pathlib import Path

from starlette.applications import Starlette

from pencere.kernel.clock import SystemClock
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority
from pencere.trust.server import TrustConfig, create_app
from pencere.trust.server.workers import serve

RA_SECRET = "the secret of office and portal in tests"


def create(worker: int = 0) -> Starlette:
    folder = Path(os.environ["TRUST_TEST_FOLDER"])
    issuance = Issuance(
        os.environ["TRUST_TEST_CONNINFO"],
        load_authority(),
        os.environ["TRUST_TEST_URL"],
        SystemClock(),
        b"k" * 32,
    )
    keystore = Keystore(folder / "keys", "the passphrase of the tests")
    config = TrustConfig(
        issuance, keystore, folder / "pki", upkeep_interval_s=0.5, ra_secret=RA_SECRET
    )
    return create_app(config)


if __name__ == "__main__":
    serve(create, "127.0.0.1", int(sys.argv[1]), workers=int(os.environ.get("TRUST_WORKERS", "1")))
