"""Who opens which page of the register."""

from pencere.web.office.who import any_of, auditor, registrar_of_systems

reader = any_of(registrar_of_systems, auditor)

__all__ = ["reader", "registrar_of_systems"]
