"""The certification centre over HTTP."""

from pencere.trust.server.app import create_app
from pencere.trust.server.config import TrustConfig

__all__ = ["TrustConfig", "create_app"]
