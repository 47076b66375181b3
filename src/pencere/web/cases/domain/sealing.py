"""JSON sealed for one row: what applications say lies in the database unreadable."""

import json
from typing import Any

from pencere.kernel.canonical import canonical_json
from pencere.web.people.vault import vault


def seal(value: object, row: bytes) -> bytes:
    """Seal a JSON value for the row of this id."""
    return vault().seal_bytes(canonical_json(value), row)


def unseal(sealed: bytes | memoryview | None, row: bytes) -> Any:
    """Open what `seal` made; None for nothing."""
    return None if sealed is None else json.loads(vault().open_bytes(bytes(sealed), row))
