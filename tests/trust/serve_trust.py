"""The service as the tests run it under Granian; the values come from the fixture."""

import os
from pathlib import Path

from starlette.applications import Starlette

from pencere.kernel.clock import SystemClock
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority
from pencere.trust.server import TrustConfig, create_app


def create() -> Starlette:
    folder = Path(os.environ["TRUST_TEST_FOLDER"])
    issuance = Issuance(
        os.environ["TRUST_TEST_CONNINFO"],
        load_authority(),
        os.environ["TRUST_TEST_URL"],
        SystemClock(),
        b"k" * 32,
    )
    keystore = Keystore(folder / "keys", "the passphrase of the tests")
    return create_app(TrustConfig(issuance, keystore, folder / "pki", upkeep_interval_s=0.5))
