"""Connections that are kept between uses: opening one costs as much as the work it is for."""

import threading
import weakref
from collections.abc import Iterator
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
    def link(self) -> Iterator[Connection]:
        """Give a connection that was just seen to work; after an error it is closed."""
        connection = self._take()
        try:
            yield connection
        except psycopg.Error:
            connection.close()
            raise
        finally:
            self._keep(connection)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._kept.pop() if self._kept else None
            if connection is None:
                return psycopg.connect(self._conninfo)
            try:
                connection.execute("select")
            except psycopg.Error:  # the server was restarted meanwhile
                connection.close()
                continue
            connection.rollback()
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
