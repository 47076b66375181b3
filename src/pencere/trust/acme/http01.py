"""The http-01 challenge (RFC 8555 section 8.3): fetch one file from the machine that is named.

Redirects are not followed, the answer is bounded in time and size, and the connection goes to
the address that was checked, not to whatever the name means a moment later.
"""

import asyncio
import contextlib
import hmac
import re
from dataclasses import dataclass

from pencere.trust.acme.addresses import Address, AddressRules, Resolver, addresses_of
from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.jose import encode
from pencere.trust.acme.problems import Problem

PATH = "/.well-known/acme-challenge/"
_LARGEST_HEAD = 16_384
_LARGEST_BODY = 1_024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?")


@dataclass(frozen=True)
class Validator:
    """Tries challenges. `port` is 80 (RFC 8555) unless an installation cannot have it."""

    resolver: Resolver
    rules: AddressRules
    port: int = 80
    connect_s: float = 5.0
    total_s: float = 10.0

    async def check(self, identifier: Identifier, token: str, thumbprint: bytes) -> None:
        """Return when one of the name's machines shows the key authorisation.

        Addresses are tried in turn only while no connection comes about: a machine that answers
        wrongly is an answer.

        Raises:
            Problem: `dns`, `connection`, `incorrectResponse`, `unauthorized`.
        """
        found = await addresses_of(identifier, self.resolver, self.rules)
        try:
            async with asyncio.timeout(self.total_s):
                answer = await self._fetch_any(found, identifier, token)
        except TimeoutError as error:
            raise Problem("connection", "timeout", identifier=identifier.value) from error
        expected = f"{token}.{encode(thumbprint)}".encode()
        if not hmac.compare_digest(answer.rstrip(b" \t\r\n"), expected):
            raise Problem("incorrectResponse", "wrong_content", identifier=identifier.value)

    async def _fetch_any(
        self, addresses: list[Address], identifier: Identifier, token: str
    ) -> bytes:
        for address in addresses:
            try:
                async with asyncio.timeout(self.connect_s):
                    reader, writer = await asyncio.open_connection(
                        str(address), self.port, limit=_LARGEST_HEAD
                    )
            except (OSError, TimeoutError):
                continue
            try:
                return await self._fetch(reader, writer, identifier, token)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                raise Problem("connection", "answer_broken", identifier=identifier.value) from error
            finally:
                writer.close()
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(1):
                        await writer.wait_closed()
        raise Problem("connection", "no_connection", identifier=identifier.value, port=self.port)

    async def _fetch(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identifier: Identifier,
        token: str,
    ) -> bytes:
        host = identifier.value if ":" not in identifier.value else f"[{identifier.value}]"
        if self.port != 80:
            host += f":{self.port}"
        # HTTP/1.0, so that the answer ends with the connection and comes in one piece.
        writer.write(
            f"GET {PATH}{token} HTTP/1.0\r\nHost: {host}\r\nAccept: */*\r\n"
            "User-Agent: pencere-acme\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head[:-4].split(b"\r\n")
        status = _STATUS_LINE.fullmatch(line)
        if status is None:
            raise Problem("connection", "answer_broken", identifier=identifier.value)
        if status[1][:1] == b"3":
            raise Problem("unauthorized", "redirect", identifier=identifier.value)
        if status[1] != b"200":
            raise Problem(
                "unauthorized",
                "wrong_status",
                identifier=identifier.value,
                status=status[1].decode("ascii"),
            )
        if any(field.lower().startswith(b"transfer-encoding:") for field in fields):
            raise Problem("connection", "answer_broken", identifier=identifier.value)
        body = bytearray()
        length = _length_of(fields)
        while len(body) <= _LARGEST_BODY and (length is None or len(body) < length):
            piece = await reader.read(_LARGEST_BODY + 1 - len(body))
            if not piece:
                break
            body += piece
        if len(body) > _LARGEST_BODY or (length is not None and len(body) != length):
            raise Problem("incorrectResponse", "wrong_content", identifier=identifier.value)
        return bytes(body)


def _length_of(fields: list[bytes]) -> int | None:
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value.strip()[:10])
    return None
