"""Who asks and who is asked.

At the gateway the consumer of a subscription is the publisher, because its node brings the events;
what is asked for are its data all the same. Everywhere else the consumer asks the provider.
"""

from pencere.web.stateregister.domain.exchange_data import BUILT_IN, EVENTS, SUBSCRIPTION
from pencere.web.stateregister.models import Accord, Agreement, Service, System

# What any system may be asked by agreement, besides its services.
OF_EVERY_SYSTEM = tuple(BUILT_IN)


def asking(row: Accord) -> System:
    """Return the system that wants something: the subscriber, or the consumer."""
    return row.provider if row.terms["service"] == SUBSCRIPTION else row.consumer


def asked(row: Accord) -> System:
    """Return the system whose data it is about."""
    return row.consumer if row.terms["service"] == SUBSCRIPTION else row.provider


def asking_of(row: Agreement) -> System:
    """Return the system that uses what an agreement opens."""
    return row.provider if row.service_code == SUBSCRIPTION else row.consumer


def guarded(row: Agreement) -> System:
    """Return the system whose data an agreement opens."""
    return row.consumer if row.service_code == SUBSCRIPTION else row.provider


def endpoints_about(of: System, service: str) -> list[list[str]]:
    """Return which endpoints an agreement about a service of a system may open; empty: none.

    Of a subscription they are the types of events that the system publishes.
    """
    if service in BUILT_IN:
        return [list(one) for one in BUILT_IN[service]]
    is_subscription = service == SUBSCRIPTION
    code = EVENTS if is_subscription else service
    found = Service.objects.filter(system=of, is_active=True, code=code).first()
    if found is None:
        return []
    return [["POST" if is_subscription else method, path] for method, path in found.endpoints]
