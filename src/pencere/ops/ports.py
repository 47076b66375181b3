"""Whether the ports of an installation are free."""

import errno
import socket

import psutil

from pencere.kernel.errors import Conflict
from pencere.ops.installation import PORTS, Installation


def require_free_ports(installation: Installation) -> None:
    """Try every port before anything is started.

    Raises:
        Conflict: another program listens on one; the message names port, role and program.
    """
    for role in PORTS:
        port = installation.port(role)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError as reason:
                if reason.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise Conflict(
                    "port.taken",
                    port=port,
                    role=role,
                    by=_holder(port),
                    do="stop that program, or choose other ports: --base-port 9000",
                ) from None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            taken = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if taken and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "another program"
