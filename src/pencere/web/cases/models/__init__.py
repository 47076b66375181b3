"""Tables of the app, one noun a module."""

from pencere.web.cases.models.attachment import Attachment, Supplement
from pencere.web.cases.models.batch import Batch, BatchLine
from pencere.web.cases.models.case import Case
from pencere.web.cases.models.draft import Draft
from pencere.web.cases.models.effect import Effect
from pencere.web.cases.models.event import CaseEvent
from pencere.web.cases.models.forgotten import ForgottenCase
from pencere.web.cases.models.message import CaseMessage, CaseMessageRead
from pencere.web.cases.models.series import NumberSeries
from pencere.web.cases.models.version_move import VersionMove

__all__ = [
    "Attachment",
    "Batch",
    "BatchLine",
    "Case",
    "CaseEvent",
    "CaseMessage",
    "CaseMessageRead",
    "Draft",
    "Effect",
    "ForgottenCase",
    "NumberSeries",
    "Supplement",
    "VersionMove",
]
