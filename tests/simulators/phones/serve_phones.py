"""The phones as the tests run them under Granian; the values come from the fixture."""

import os
from pathlib import Path

from starlette.applications import Starlette

from pencere.simulators.phones.app import PhonesConfig, create_app


def create() -> Starlette:
    return create_app(
        PhonesConfig(
            Path(os.environ["PHONES_TEST_FOLDER"]), os.environ["PHONES_TEST_TRUST"], "device pass"
        )
    )
