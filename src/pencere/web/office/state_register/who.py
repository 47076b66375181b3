"""Who opens which page of the register."""

from pencere.web.office.who import any_of, auditor, registrar_of_systems
from pencere.web.rules import role
from pencere.web.stateregister.domain.offices import SUPERVISOR

reader = any_of(registrar_of_systems, auditor)
supervisor = role(SUPERVISOR)

__all__ = ["reader", "registrar_of_systems", "supervisor"]
