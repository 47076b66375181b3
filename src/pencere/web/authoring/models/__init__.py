"""Models of authoring, by noun."""

from pencere.web.authoring.models.draft import DraftSave, ServiceDraft
from pencere.web.authoring.models.proposal import Proposal
from pencere.web.authoring.models.published import PublishedVersion, Withdrawal

__all__ = ["DraftSave", "Proposal", "PublishedVersion", "ServiceDraft", "Withdrawal"]
