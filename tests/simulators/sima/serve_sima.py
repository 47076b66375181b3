"""The applications as the tests run them under Granian; the values come from the fixture."""

import os
from pathlib import Path

from starlette.applications import Starlette

from pencere.simulators.sima.app import SimaConfig, create_app


def create() -> Starlette:
    return create_app(
        SimaConfig(
            Path(os.environ["SIMA_TEST_FOLDER"]),
            "app pass",
            {"portal": os.environ["SIMA_TEST_SECRET"]},
        )
    )
