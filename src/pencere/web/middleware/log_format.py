"""Instants of log lines are UTC."""

import logging
import time


class UtcFormatter(logging.Formatter):
    """The standard formatter in UTC."""

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """Give UTC."""
        return time.gmtime(seconds)
