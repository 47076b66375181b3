"""Log lines go to standard error, one a line, as the supervisor keeps them."""

from typing import Any

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S",
            "()": "pencere.web.middleware.log_format.UtcFormatter",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own request log repeats what ours says, with addresses that may carry data.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
        "oauthlib": {"level": "WARNING"},
        # Of each request its whole address, which is the caller's business alone.
        "httpx": {"level": "WARNING"},
        # Each start of each role would list every periodic job, twice.
        "procrastinate.blueprints": {"level": "WARNING"},
        "procrastinate.periodic": {"level": "WARNING"},
    },
}
