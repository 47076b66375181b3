"""Addresses under which others reach an installation, as `data/addresses.yaml` states them."""

from pathlib import Path

import pytest

from pencere.kernel.errors import Misconfigured
from pencere.ops.addresses import Addresses
from pencere.ops.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, base_port=9700)


def test_without_a_file_everything_is_this_machine(installation: Installation) -> None:
    found = Addresses.of(installation)

    assert found == Addresses(
        "http://127.0.0.1:9701", "http://127.0.0.1:9790", "https://127.0.0.1:9791"
    )
    assert found.time_stamps == "http://127.0.0.1:9790/tsa"


def test_what_the_file_states_is_told_to_others(installation: Installation) -> None:
    (installation.data / "addresses.yaml").write_text(
        "office: https://office.gov.az/\ntrust: http://10.20.0.5:8090\n"
    )

    found = Addresses.of(installation)

    assert found == Addresses(
        "https://office.gov.az", "http://10.20.0.5:8090", "https://127.0.0.1:9791"
    )


@pytest.mark.parametrize(
    "text",
    [
        "office: office.gov.az",
        "office: ftp://office.gov.az",
        "office: https://office.gov.az/stateregister",
        "office: https://user@office.gov.az",
        "office: 'https://office.gov.az:99999'",
        "enrolment: http://acme.gov.az",
        "trust: [1]",
        "tsa: http://tsa.gov.az",
    ],
)
def test_what_cannot_be_meant_is_named(installation: Installation, text: str) -> None:
    (installation.data / "addresses.yaml").write_text(text)

    with pytest.raises(Misconfigured) as told:
        Addresses.of(installation)

    assert told.value.facts["key"] == text.partition(":")[0]
