"""Where an archive lies: a folder, or a bucket of an S3-compatible store.

Everything written is read back by the caller; a name that is written again is replaced whole.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from pencere.kernel.errors import Misconfigured, Missing, Unavailable
from pencere.trust.durable import write_durably


class Store(Protocol):
    """A place for files by name.

    Raises, all three: Unavailable `archive.unavailable`: full, away, or not permitted.
    """

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""

    def get(self, name: str) -> bytes:
        """Return a file; Missing `archive.missing` when it is not there."""

    def names(self) -> list[str]:
        """Return all names, sorted."""


class Folder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, content: bytes) -> None:
        """Write a file and have the disk keep it."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            write_durably(self._path / name, content, mode=0o600)
        except OSError as problem:
            raise _unavailable(problem) from problem

    def get(self, name: str) -> bytes:
        """Return a file."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError as problem:
            raise Missing("archive.missing", name=name) from problem
        except OSError as problem:
            raise _unavailable(problem) from problem

    def names(self) -> list[str]:
        """Return all names; unfinished files of a stop do not count."""
        try:
            return sorted(
                one.name
                for one in self._path.iterdir()
                if one.is_file() and not one.name.startswith(".")
            )
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise _unavailable(problem) from problem


class Bucket:
    """A prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str, settings: Mapping[str, str]) -> None:
        endpoint = settings.get("endpoint", "")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config={  # type: ignore[arg-type]  # names that obstore takes
                "region": settings.get("region", "us-east-1"),
                **{key: settings[key] for key in _KEYS if settings.get(key)},
            },
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "60s"},
            retry_config={"max_retries": 2},
        )

    def put(self, name: str, content: bytes) -> None:
        """Write an object."""
        try:
            obstore.put(self._store, name, content)
        except (BaseError, OSError) as problem:
            raise _unavailable(problem) from problem

    def get(self, name: str) -> bytes:
        """Return an object."""
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError as problem:
            raise Missing("archive.missing", name=name) from problem
        except (BaseError, OSError) as problem:
            raise _unavailable(problem) from problem

    def names(self) -> list[str]:
        """Return all names."""
        try:
            pages = obstore.list(self._store)
            return sorted(os.path.basename(one["path"]) for page in pages for one in page)  # noqa: PTH119
        except (BaseError, OSError) as problem:
            raise _unavailable(problem) from problem


_KEYS = ("endpoint", "access_key_id", "secret_access_key", "session_token")


def open_store(target: str, settings: Mapping[str, str]) -> Store:
    """Return the store of `s3://bucket/prefix` or of a folder.

    `settings` are of S3: endpoint, region, access_key_id, secret_access_key.
    """
    if not target.startswith("s3://"):
        return Folder(Path(target))
    parts = urlsplit(target)
    if not parts.netloc:
        raise Misconfigured(
            file="command line", key="--to", value=target, example="s3://archive/portal"
        )
    return Bucket(parts.netloc, parts.path.strip("/"), settings)


def _unavailable(problem: BaseException) -> Unavailable:
    reason = problem.strerror if isinstance(problem, OSError) else ""
    return Unavailable("archive.unavailable", reason=reason or type(problem).__name__)
