"""Tables of the app, one noun a module."""

from pencere.web.people.models.attempt import Attempt
from pencere.web.people.models.held_form import HeldForm
from pencere.web.people.models.officer import OfficerRole
from pencere.web.people.models.person import Person
from pencere.web.people.models.session import Session
from pencere.web.people.models.sign_in import SignIn
from pencere.web.people.models.sima_operation import SimaOperation
from pencere.web.people.models.subject import Subject

__all__ = [
    "Attempt",
    "HeldForm",
    "OfficerRole",
    "Person",
    "Session",
    "SignIn",
    "SimaOperation",
    "Subject",
]
