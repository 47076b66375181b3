"""Tables of the app."""

from pencere.web.notifications.models.event_position import EventPosition
from pencere.web.notifications.models.message import Delivery, Message

__all__ = ["Delivery", "EventPosition", "Message"]
