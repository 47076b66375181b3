"""Which Django apps are installed: those of the list whose package is there."""

from pathlib import Path

WEB = Path(__file__).parents[1]

FRAMEWORK = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "oauth2_provider",
]

# Data apps first: they have models and know nothing of pages.
DATA = [
    "people",
    "cases",
    "catalogue",
    "authoring",
    "payments",
    "appointments",
    "notifications",
    "issued",
    "certification",
    "stateregister",
    "classifiers",
    "openregister",
    "satisfaction",
]
VIEWS = ["identity", "portal", "office"]


def installed_apps() -> list[str]:
    """Return INSTALLED_APPS."""
    own = [name for name in (*DATA, *VIEWS) if (WEB / name / "apps.py").exists()]
    return [*FRAMEWORK, *(f"pencere.web.{name}" for name in own)]
