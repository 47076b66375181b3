"""The country's events: declared by a register, written by somebody, agreed on as they are said."""

import pytest

from pencere.countries import Country
from pencere.registers.definition import Definition
from pencere.registers.events import EventRule
from pencere.registers.lint import load_registers
from pencere.web.stateregister.domain.exchange_data import SUBSCRIPTION, read_exchange

COUNTRY = Country.load("az")
EXCHANGE = read_exchange(COUNTRY)
RULES: dict[str, tuple[Definition, EventRule]] = {
    f"{register.owner}/{register.code.partition('/')[0]}/{rule.type}": (register, rule)
    for register in load_registers(COUNTRY).values()
    for rule in register.events
}
SUBSCRIPTIONS = {
    f"{one.consumer}{path}": one
    for one in EXCHANGE.agreements
    if one.service_code == SUBSCRIPTION
    for _, path in one.endpoints
}


def test_the_types_of_the_exchange_are_those_that_registers_declare() -> None:
    registered = {
        f"{service.system}{path}"
        for service in EXCHANGE.services.values()
        for method, path in service.endpoints
        if method == "EVENT"
    }

    assert registered == set(RULES)


@pytest.mark.parametrize("type_", sorted(RULES))
def test_somebody_may_write_what_is_an_event_and_has_an_agreement_to(type_: str) -> None:
    register, rule = RULES[type_]
    state = f"{EXCHANGE.instance}/{EXCHANGE.member_class}"
    agreed = {
        (f"{state}/{one.consumer}", purpose)
        for one in EXCHANGE.agreements
        if f"{one.provider}/{one.service_code}" == f"{register.owner}/{register.code}"
        and ("POST", "/transactions") in one.endpoints
        for purpose in one.purposes
    }
    writing = {
        (writer.client, purpose)
        for writer in register.writers
        for purpose in writer.purposes & (rule.purposes or writer.purposes)
        if {rule.becomes, rule.loses} - {None} <= set(register.disclosure[purpose])
    }

    assert writing & agreed


@pytest.mark.parametrize("type_", sorted(RULES))
def test_every_event_has_somebody_who_must_know(type_: str) -> None:
    assert [one for one in SUBSCRIPTIONS if one == type_]


@pytest.mark.parametrize("agreement", sorted({one.id for one in SUBSCRIPTIONS.values()}))
def test_a_subscription_gives_one_purpose_and_only_what_is_said(agreement: str) -> None:
    [one] = [each for each in EXCHANGE.agreements if each.id == agreement]
    types = {f"{one.consumer}{path}" for _, path in one.endpoints}
    said = {field for type_ in types for field in RULES[type_][1].fields}

    assert types <= set(RULES)
    # An event is delivered for a purpose and on a basis: with two it would be for neither.
    assert (len(one.purposes), len(one.legal_bases)) == (1, 1)
    assert set(one.fields) <= said
    assert one.fields


def test_a_person_may_ask_every_keeper_of_data_who_looked() -> None:
    agreements = {
        one.provider
        for one in EXCHANGE.agreements
        if (one.consumer, one.service_code, one.purposes)
        == ("idda/portal", "findUsage", ("my-data",))
    }
    personal = {
        f"{register.owner}/{register.code.partition('/')[0]}"
        for register in load_registers(COUNTRY).values()
        if register.subject is not None
    }

    assert agreements == personal | {"idda/portal"}
