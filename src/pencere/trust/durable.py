"""Files that are there whole or not at all."""

import errno
import os
from pathlib import Path

from pencere.kernel.errors import Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Raises:
        Unavailable: `storage.full` or `storage.failed`; what was there before is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(temporary, path, content, mode)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        code = "storage.full" if error.errno in _FULL else "storage.failed"
        raise Unavailable(code, file=path, reason=os.strerror(error.errno or 0)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(temporary: Path, path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
