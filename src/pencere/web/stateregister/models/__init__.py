"""Tables of the app, one noun a module."""

from pencere.web.stateregister.models.agreement import Agreement
from pencere.web.stateregister.models.body import Body
from pencere.web.stateregister.models.node import Node
from pencere.web.stateregister.models.publication import Publication
from pencere.web.stateregister.models.service import Service
from pencere.web.stateregister.models.system import System

__all__ = ["Agreement", "Body", "Node", "Publication", "Service", "System"]
