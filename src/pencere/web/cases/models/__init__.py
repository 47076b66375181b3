"""Tables of the app, one noun a module."""

from pencere.web.cases.models.attachment import Attachment, Supplement
from pencere.web.cases.models.case import Case
from pencere.web.cases.models.draft import Draft
from pencere.web.cases.models.effect import Effect
from pencere.web.cases.models.event import CaseEvent
from pencere.web.cases.models.series import NumberSeries

__all__ = ["Attachment", "Case", "CaseEvent", "Draft", "Effect", "NumberSeries", "Supplement"]
