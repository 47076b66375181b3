"""Tables of the app."""

from pencere.web.notifications.models.contact import Contact, Mobile, Reach
from pencere.web.notifications.models.event_position import EventPosition
from pencere.web.notifications.models.message import Delivery, Message
from pencere.web.notifications.models.offers import OffersDeclined

__all__ = [
    "Contact",
    "Delivery",
    "EventPosition",
    "Message",
    "Mobile",
    "OffersDeclined",
    "Reach",
]
