"""The portal's pages about certificates, with the real centre behind them."""

from tests.trust.conftest import service
from tests.web.certification_world import away, centre_at, desk, live

__all__ = ["away", "centre_at", "desk", "live", "service"]
