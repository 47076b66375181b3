"""A client of one's own gateway node, for information systems. docs/how-to/write-a-client.md.

`Client` and `AsyncClient` say why each request is made, try again what is safe to try again,
and raise one family of errors. `double.Node` stands for the node in a system's own tests.
"""

from pencere.client.asynchronous import AsyncClient
from pencere.client.errors import BadRequest, Denied, Fault, NoAnswer, NotNow
from pencere.client.events import Event
from pencere.client.messages import Message
from pencere.client.purpose import Hidden, Purpose
from pencere.client.request import Answer, Identity
from pencere.client.retrying import Retry
from pencere.client.sync import Client
from pencere.client.transport import Way

__all__ = [
    "Answer",
    "AsyncClient",
    "BadRequest",
    "Client",
    "Denied",
    "Event",
    "Fault",
    "Hidden",
    "Identity",
    "Message",
    "NoAnswer",
    "NotNow",
    "Purpose",
    "Retry",
    "Way",
]
