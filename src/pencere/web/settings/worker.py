"""The worker: jobs and no pages. It renders texts, and links as the portal writes them."""

from pencere.web.settings.base import *  # noqa: F403 - Django's settings are a flat module

ROOT_URLCONF = "pencere.web.urls.portal"
