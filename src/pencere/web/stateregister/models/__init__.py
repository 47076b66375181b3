"""Tables of the app, one noun a module."""

from pencere.web.stateregister.models.accord import Accord, AccordState, Signature
from pencere.web.stateregister.models.act import Act
from pencere.web.stateregister.models.agreement import Agreement, Force
from pencere.web.stateregister.models.application import Application, Kind, State
from pencere.web.stateregister.models.body import Body
from pencere.web.stateregister.models.description import Description
from pencere.web.stateregister.models.document import Document
from pencere.web.stateregister.models.duty import Duty
from pencere.web.stateregister.models.join_token import JoinToken
from pencere.web.stateregister.models.node import Node
from pencere.web.stateregister.models.publication import Publication
from pencere.web.stateregister.models.revoked_certificate import RevokedCertificate
from pencere.web.stateregister.models.series import Series
from pencere.web.stateregister.models.service import Service
from pencere.web.stateregister.models.system import Stage, System
from pencere.web.stateregister.models.traffic import Traffic

__all__ = [
    "Accord",
    "AccordState",
    "Act",
    "Agreement",
    "Application",
    "Body",
    "Description",
    "Document",
    "Duty",
    "Force",
    "JoinToken",
    "Kind",
    "Node",
    "Publication",
    "RevokedCertificate",
    "Series",
    "Service",
    "Signature",
    "Stage",
    "State",
    "System",
    "Traffic",
]
