"""How a connection is opened, and why it could not be."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import aiofastnet

from pencere.gateway.http.outcomes import Endpoint, Failure, Trouble

_P = TypeVar("_P", bound=asyncio.Protocol)


async def connect(endpoint: Endpoint, make: Callable[[], _P]) -> _P | Failure:
    """Open a connection; TLS goes by aiofastnet, which takes half of what uvloop's does."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(endpoint.connect_s):
            if endpoint.tls is None:
                _, made = await loop.create_connection(make, endpoint.host, endpoint.port)
            else:
                _, made = await aiofastnet.create_connection(
                    loop,
                    make,
                    endpoint.host,
                    endpoint.port,
                    ssl=endpoint.tls,
                    # Between nodes not checked: the certificate itself is what is believed.
                    server_hostname=endpoint.server_name or endpoint.host,
                )
    except socket.gaierror as problem:
        return Failure(Trouble.UNKNOWN_HOST, str(problem))
    except TimeoutError:
        return Failure(Trouble.REFUSED, "connecting took too long")
    except ssl.SSLCertVerificationError as problem:
        return Failure(Trouble.WRONG_PEER, problem.verify_message)
    except (OSError, ssl.SSLError, ValueError) as problem:  # ValueError: no name TLS could send
        return Failure(Trouble.REFUSED, str(problem))
    return made
