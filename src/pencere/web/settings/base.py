"""What all roles share."""

import mimetypes
import os

from pencere.kernel.clock import SystemClock
from pencere.kernel.text import LANGUAGES as KERNEL_LANGUAGES
from pencere.ops.installation import Installation
from pencere.web.identity.provider.key import signing_key_pem
from pencere.web.settings.apps import installed_apps
from pencere.web.settings.database import databases
from pencere.web.settings.logs import LOGGING as LOGGING  # noqa: PLC0414 - Django reads it here
from pencere.web.settings.provider import provider

INSTALLATION = Installation.from_environment()
ROLE = "worker"

SECRET_KEY = INSTALLATION.secret("web")
DEBUG = False
DATABASES = databases(INSTALLATION)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = installed_apps()
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS: list[str] = []
OAUTH2_PROVIDER = provider(INSTALLATION, signing_key_pem(INSTALLATION.secrets))

# Addresses. The portal and the office answer at names of their own; nothing is taken from Host.
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
IS_SECURE = INSTALLATION.address("portal").startswith("https://")
APPEND_SLASH = True
WSGI_APPLICATION = None

MIDDLEWARE = [
    "pencere.web.middleware.page_cache.PageCache",
    "pencere.web.middleware.request_log.RequestLog",
    "pencere.web.middleware.security_headers.SecurityHeaders",
    "pencere.web.middleware.compression.Compression",
    "pencere.web.middleware.language.LanguageOfAddress",
    "pencere.web.middleware.errors.Errors",
    "django.middleware.common.CommonMiddleware",
    "pencere.web.authoring.middleware.Published",
    "pencere.web.people.middleware.CurrentVisit",
    "pencere.web.mandates.middleware.ActingFor",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {"BACKEND": "pencere.web.jinja.backend.Pages", "NAME": "pages", "DIRS": [], "APP_DIRS": False}
]

# What the planes below need to know. Time is read through CLOCK only.
CLOCK = SystemClock()
# How long a process may work on before it asks what the authors published.
EDITION_EVERY_S: float | None = 1.0
COUNTRY = "az"
TELEPHONE = "pencere.web.identity.telephone.MobileTelephone"
RELYING_PARTY_NAME = "Pəncərə"
# How a link opens SİMA on the same device: `sima://web-to-app` where people have the real one.
SIMA_SCHEME = os.environ.get("PENCERE_SIMA_SCHEME") or f"{INSTALLATION.address('sima')}/web-to-app"
PEOPLE_KEY = INSTALLATION.secret("people")

# Whose registers, services and law: a folder of pencere.countries.
COUNTRY = "az"

# Where a form may lead to: a payment goes to the bank's page, an officer signs in at the portal.
CSP_FORM_ACTION = [INSTALLATION.address(role) for role in ("portal", "office", "bank")]

# Language and time
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = KERNEL_LANGUAGES[0]
LANGUAGES = [(language, language) for language in KERNEL_LANGUAGES]

# Cookies. Two roles on one host with two ports share a jar, so each role has names of its own.
_PREFIX = "__Host-" if IS_SECURE else ""
SESSION_COOKIE = f"{_PREFIX}{ROLE}"
SIGN_IN_COOKIE = f"{_PREFIX}{ROLE}-sign-in"
MESSAGES_COOKIE = "messages"
CSRF_COOKIE_NAME = f"{_PREFIX}{ROLE}-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = IS_SECURE
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "pencere.web.middleware.errors.csrf_failed"
SESSION_COOKIE_SECURE = IS_SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "pencere.web.middleware.notices.Notices"
LOGIN_URL = "sign_in"

# What one request may bring. Files have a limit of their own where they are taken in.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

SILENCED_SYSTEM_CHECKS: list[str] = []
mimetypes.add_type("text/javascript", ".js", strict=True)
