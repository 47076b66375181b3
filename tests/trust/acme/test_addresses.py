"""Where the validator may connect to, and what a binding covers."""

from ipaddress import ip_address, ip_network

import pytest

from pencere.trust.acme.addresses import AddressRules
from pencere.trust.acme.identifiers import Identifier, check_permitted, parse_rule
from pencere.trust.acme.problems import Problem, sentences

EVERYTHING = AddressRules((ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255"),
        *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "2002:a9fe:a9fe::1", "2001:0:1::1"),
    ],
)
def test_some_addresses_are_never_visited(address: str) -> None:
    assert EVERYTHING.permits(ip_address(address)) is False


def test_an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is() -> None:
    rules = AddressRules((ip_network("10.20.0.0/16"), ip_network("fd00::/8")))

    judged = {
        one: rules.permits(ip_address(one))
        for one in ("::ffff:10.20.0.1", "::ffff:10.21.0.1", "fd00::1", "fc00::1")
    }

    assert judged == {
        "::ffff:10.20.0.1": True,
        "::ffff:10.21.0.1": False,
        "fd00::1": True,
        "fc00::1": False,
    }


@pytest.mark.parametrize(
    ("rule", "covered", "refused"),
    [
        ("dyp.az", "dyp.az", "a.dyp.az"),
        (".dyp.az", "a.b.dyp.az", "dyp.az"),
        (".dyp.az", "a.dyp.az", "evildyp.az"),
        ("10.20.0.0/16", "10.20.3.4", "10.21.0.1"),
        ("10.20.3.4", "10.20.3.4", "10.20.3.5"),
        ("fd00::/8", "fd00::5", "fe80::5"),
        ("DYP.az", "dyp.az", "10.20.3.4"),
    ],
)
def test_a_binding_covers_what_it_names(rule: str, covered: str, refused: str) -> None:
    def identifier(text: str) -> Identifier:
        is_address = ":" in text or text.replace(".", "").isdigit()
        return Identifier("ip" if is_address else "dns", text)

    rules = [parse_rule(rule)]
    check_permitted([identifier(covered)], rules)
    with pytest.raises(Problem) as caught:
        check_permitted([identifier(covered), identifier(refused)], rules)

    assert [one["detail"] for one in caught.value.subproblems] == [refused]


@pytest.mark.parametrize(
    "rule", ["", ".", "*", "*.dyp.az", "10.20.0.5/16", "a b", "10.20", "x" * 300]
)
def test_a_rule_that_cannot_be_meant_is_refused(rule: str) -> None:
    with pytest.raises(Problem):
        parse_rule(rule)


def test_every_sentence_has_three_languages() -> None:
    assert all(
        text.in_language(one).strip() for text in sentences().values() for one in ("az", "en", "ru")
    )
