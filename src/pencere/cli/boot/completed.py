"""Whether everything was already done by this very code, so that roles need not wait for it."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pencere
from pencere.ops.installation import Installation


def mark_completed(installation: Installation) -> None:
    """Remember that every step was done with the code and the settings as they are."""
    (installation.run / "completed").write_text(_fingerprint(installation), encoding="ascii")


def is_completed(installation: Installation) -> bool:
    """Say whether the last complete start was with this code and these settings.

    The steps are then repeated beside the roles: they change nothing but what has aged.
    """
    try:
        before = (installation.run / "completed").read_text(encoding="ascii")
    except OSError:
        return False
    return before == _fingerprint(installation)


def _fingerprint(installation: Installation) -> str:
    """Digest size and time of every file of the package; a file that changed has another time."""
    top = Path(pencere.__path__[0])
    files = sorted(
        (os.path.relpath(path, top), path.stat().st_size, path.stat().st_mtime_ns)
        for path in top.rglob("*")
        if path.suffix != ".pyc" and path.is_file()
    )
    settings = sorted(installation.environment().items())
    return sha256(json.dumps([settings, files]).encode()).hexdigest()
