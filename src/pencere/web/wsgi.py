"""The WSGI application of a role, for Granian.

Nothing is guessed at run time: templates are compiled, sentences checked and routes loaded before
the first request, so a mistake in any of them stops the start.
"""

import os

import django
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver


def application(role: str) -> WSGIHandler:
    """Return the application of `portal` or `office`.

    Raises:
        Misconfigured: a setting or a sentence is wrong.
        TemplateSyntaxError: a template names a sentence that is not there.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = f"pencere.web.settings.{role}"
    django.setup(set_prefix=False)
    check_everything()
    return WSGIHandler()


def check_everything() -> None:
    """Refuse what would otherwise fail before a reader."""
    from pencere.web.jinja.environment import compile_everything  # noqa: PLC0415 - needs settings

    compile_everything()
    get_resolver().url_patterns  # noqa: B018 - imports every view
