"""The office."""

from pencere.web.settings.base import *  # noqa: F403 - Django's settings are a flat module
from pencere.web.settings.base import _PREFIX

ROLE = "office"
ROOT_URLCONF = "pencere.web.urls.office"
SESSION_COOKIE = f"{_PREFIX}{ROLE}"
SIGN_IN_COOKIE = f"{_PREFIX}{ROLE}-sign-in"
MESSAGES_COOKIE = f"{ROLE}-messages"
CSRF_COOKIE_NAME = f"{_PREFIX}{ROLE}-csrf"
