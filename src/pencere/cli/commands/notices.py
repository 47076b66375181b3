"""`pencere notices bounce`: what a mail server says of mail that did not arrive."""

import os
import sys
from collections.abc import Sequence

import django

from pencere.cli.options import installation_of, parser, subparsers

ACTIONS = (("bounce", "read a report (RFC 3464) from standard input"),)


def run(arguments: Sequence[str]) -> int:
    """Take one report, and say what it changed.

    What is no report of ours is no failure: a mail server would send the report back.
    """
    options = parser("notices", "Notices outside the inbox.")
    subparsers(options, ACTIONS)
    given = options.parse_args(arguments)
    installation = installation_of(given)
    os.environ.update(installation.environment())
    os.environ["DJANGO_SETTINGS_MODULE"] = "pencere.web.settings.worker"
    django.setup(set_prefix=False)
    # They can be imported only when Django is set up.
    from django.conf import settings  # noqa: PLC0415

    from pencere.web.notifications.domain import bounces  # noqa: PLC0415

    raw = sys.stdin.buffer.read(bounces.LARGEST_BYTES + 1)
    print(bounces.take(raw, at=settings.CLOCK.now()))
    return 0
