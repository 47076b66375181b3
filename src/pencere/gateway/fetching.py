"""Fetches the directory from the state register, from time to time."""

import asyncio
import contextlib
import logging
from urllib.parse import urlsplit

from pencere.gateway.exchange.core import Core
from pencere.gateway.http.addresses import endpoint_of
from pencere.gateway.http.client import Pool, request_bytes
from pencere.gateway.http.outcomes import Failure, Reply

log = logging.getLogger(__name__)
_ASK_AGAIN_S = 10.0
_LARGEST = 64 * 1024 * 1024


class DirectoryFetcher:
    """Asks `url` and offers what comes to the node; who signed it is for the node to see."""

    def __init__(self, core: Core, url: str) -> None:
        self._core = core
        self._url = urlsplit(url)
        self._register: Pool | None = None

    async def run(self) -> None:
        """Fetch until cancelled."""
        core, url = self._core, self._url
        self._register = Pool(endpoint_of(url, core.config.tls_anchors, max_body_bytes=_LARGEST))
        headers = [(b"host", url.netloc.encode("ascii")), (b"accept", b"application/jose")]
        data = request_bytes("GET", url.path or "/", headers, None)
        while True:
            done: asyncio.Future[Reply | Failure] = core.loop.create_future()
            self._register.send(data, is_head=False, timeout_s=15.0, done=done.set_result)
            reply = await done
            wait_s = core.config.directory_refresh_s
            if isinstance(reply, Failure) or reply.status != 200:
                wait_s = min(wait_s, _ASK_AGAIN_S)
                reason = reply.trouble.value if isinstance(reply, Failure) else reply.status
                log.warning("directory_not_fetched reason=%s", reason)
            else:
                with contextlib.suppress(UnicodeDecodeError):
                    if core.directory.offer(reply.small_body.decode("ascii").strip()):
                        core.directory.keep()
            await asyncio.sleep(wait_s)

    async def stop(self) -> None:
        """Close the connections."""
        if self._register is not None:
            await self._register.aclose()
