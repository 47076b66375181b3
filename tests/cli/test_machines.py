"""Settings of the TLS listener for machines, as `data/acme.yaml` gives them."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from pencere.cli.roles.machines import machine_config
from pencere.kernel.errors import Misconfigured
from pencere.ops.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, base_port=9700)


def test_without_a_file_everything_is_this_machine(installation: Installation) -> None:
    config = machine_config(installation)

    assert (config.base_url, config.address, config.validator.port) == (
        "https://127.0.0.1:9791",
        "127.0.0.1",
        9792,
    )
    allowed = config.validator.rules.permits
    assert [allowed(ip_address(one)) for one in ("127.0.0.1", "::1", "10.0.0.1")] == [
        True,
        True,
        False,
    ]


def test_a_file_says_what_differs(installation: Installation) -> None:
    (installation.data / "acme.yaml").write_text(
        "names: [acme.gov.az, 10.20.0.5]\nhttp_port: 80\nnetworks: [10.20.0.0/16]\n"
        "hosts: {cases.gov.az: [10.20.1.7]}\n"
    )

    config = machine_config(installation)

    assert (config.base_url, config.names, config.validator.port) == (
        "https://acme.gov.az:9791",
        ("acme.gov.az", "10.20.0.5"),
        80,
    )
    assert config.validator.rules.networks == (ip_network("10.20.0.0/16"),)
    assert config.validator.resolver.plan == {"cases.gov.az": (ip_address("10.20.1.7"),)}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("port: 80", "port"),
        ("http_port: eighty", "http_port"),
        ("http_port: 0", "http_port"),
        ("names: []", "names"),
        ("networks: [10.20.0.5/16]", "networks"),
        ("networks: 10.0.0.0/8", "networks"),
        ("hosts: [a]", "hosts"),
        ("hosts: {a: [b]}", "hosts.a"),
        ("- x", "(file)"),
    ],
)
def test_what_cannot_be_meant_is_named(installation: Installation, text: str, key: str) -> None:
    (installation.data / "acme.yaml").write_text(text)

    with pytest.raises(Misconfigured) as caught:
        machine_config(installation)

    assert caught.value.facts["key"] == key
