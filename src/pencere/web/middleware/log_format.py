"""Instants of log lines are UTC."""

import logging
import time


class UtcFormatter(logging.Formatter):
    """The standard formatter with `gmtime`."""

    converter = time.gmtime
