"""For the suite: the portal, on whatever server the tests started, in a folder of their own."""

import os
import tempfile

os.environ.setdefault("PENCERE_DATA", tempfile.mkdtemp(prefix="pencere-settings-"))

from pencere.web.settings.portal import *  # noqa: F403 - after the folder is named

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]

# Django's live server looks for its own static files below this; the pages' are served by a view.
STATIC_URL = "/nothing-static/"

# Tests say themselves when a process asks what was published; a page's queries stay countable.
EDITION_EVERY_S = None
