"""Why a request is made: for what purpose, by which act, in which case, about whom, by whom."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pencere.kernel.clock import as_utc

# What stands for the person who acts where none does.
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Hidden:
    """The access is kept from the person for a while, by law.

    `order` is the reference of the decision that demands it. Without `until` it is hidden until it
    is disclosed, at most as long as the agreement allows. Header names: Estonia's extension
    PR-PDU-REST of X-Road's protocol.
    """

    order: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Purpose:
    """Goes with every request. `person` is whom the data is about, a FIN; empty for nobody.

    `user` is the FIN of who acts, None where no person acts but a system. `represented` is the
    body on whose behalf a shared system asks, `GOV/dyp`. `consent` is the number of the person's
    consent, where the service needs one and the system knows it.
    """

    code: str
    legal_basis: str
    case: str = ""
    person: str = ""
    user: str | None = None
    represented: str = ""
    consent: str = ""
    hidden: Hidden | None = None

    def headers(self, country: str = "AZ") -> dict[str, str]:
        """Return the headers; empty ones are left out."""
        named = {
            "X-Road-UserId": SYSTEM if self.user is None else f"{country}{self.user}",
            "X-Road-Represented-Party": self.represented,
            "Pencere-Purpose": self.code,
            "Pencere-Legal-Basis": self.legal_basis,
            "Pencere-Case": self.case,
            "Pencere-Person": self.person,
            "X-Road-PDU-Consent-Reference": self.consent,
        }
        if self.hidden is not None:
            named["X-Road-PDU-Hidden"] = "true"
            named["X-Road-PDU-Hidden-Reason"] = quote(self.hidden.order, safe=" /")
            if self.hidden.until is not None:
                until = as_utc(self.hidden.until).isoformat(timespec="seconds")
                named["X-Road-PDU-Hidden-Until"] = until.replace("+00:00", "Z")
        return {name: value for name, value in named.items() if value}
