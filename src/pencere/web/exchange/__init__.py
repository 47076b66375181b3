"""The one way from the portal and the office to a register: the gateway, with a purpose.

Nothing that comes back is kept here. An answer lives as long as the page that shows it, or as
long as the application in which the person signed it.
"""

from pencere.web.exchange.answers import Record, Suppression, Usage, Usages, Version
from pencere.web.exchange.gateway import Gateway, Purpose, gateway

__all__ = ["Gateway", "Purpose", "Record", "Suppression", "Usage", "Usages", "Version", "gateway"]
