"""For migrations: the user who owns the tables."""

from pencere.web.settings.base import *  # noqa: F403 - Django's settings are a flat module
from pencere.web.settings.base import INSTALLATION
from pencere.web.settings.database import databases

ROOT_URLCONF = "pencere.web.urls.portal"
DATABASES = databases(INSTALLATION, "owner")
