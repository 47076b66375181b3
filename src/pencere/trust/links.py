"""Connections that are kept between uses: opening one costs as much as the work it is for."""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from pencere.trust.store import Connection

MOST_KEPT = 2


class Links:
    """Connections to one database. Safe to share between threads, and across a restart of it."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._kept: list[Connection] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._kept)

    def close(self) -> None:
        """Close what is kept; the next use opens a new one."""
        with self._lock:
            _close(self._kept)

    @contextmanager
    def link(self, begin: Callable[[Connection], None]) -> Iterator[Connection]:
        """Give a connection on which `begin` was just done; after an error it is closed."""
        connection = self._take(begin)
        try:
            yield connection
        except psycopg.Error:
            connection.close()
            raise
        finally:
            self._keep(connection)

    def _take(self, begin: Callable[[Connection], None]) -> Connection:
        while True:
            with self._lock:
                connection = self._kept.pop() if self._kept else None
            is_kept = connection is not None
            if connection is None:
                connection = psycopg.connect(self._conninfo)
            try:
                begin(connection)
            except psycopg.Error:
                connection.close()
                if is_kept:  # the server was restarted meanwhile
                    continue
                raise
            return connection

    def _keep(self, connection: Connection) -> None:
        if not connection.closed:
            connection.rollback()
        with self._lock:
            if not connection.closed and len(self._kept) < MOST_KEPT:
                self._kept.append(connection)
                return
        connection.close()


def _close(kept: list[Connection]) -> None:
    while kept:
        kept.pop().close()
