"""The database `web`, as the installation names it."""

from typing import Any, Literal

from psycopg.conninfo import conninfo_to_dict

from pencere.ops.installation import Installation

# A connection of a thread lives this long; a new one costs more than the query of a page.
CONNECTION_LIFE_S = 600


def databases(
    installation: Installation, user: Literal["app", "owner"] = "app"
) -> dict[str, dict[str, Any]]:
    """Return DATABASES. Several hosts of a URL go through as libpq writes them."""
    given = conninfo_to_dict(installation.database_url("web", user))
    named = {
        "HOST": given.pop("host", ""),
        "PORT": str(given.pop("port", "")),
        "NAME": given.pop("dbname"),
        "USER": given.pop("user"),
        "PASSWORD": given.pop("password"),
    }
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            **named,
            "OPTIONS": {k: str(v) for k, v in given.items()},
            "CONN_MAX_AGE": CONNECTION_LIFE_S,
            "CONN_HEALTH_CHECKS": True,
        }
    }
