"""How others use the state register."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pencere.kernel.clock import Clock
from pencere.trust.signers import Signer

LONGEST = 160  # signs of a value in a line for operators


def publish(*, nodes: Iterable[Mapping[str, Any]], signer: Signer, file: Path, clock: Clock) -> int:
    """Found the register by the country's data, know these nodes; return the directory's version.

    A node is `{"id", "address", "serves": [system], "certificates": [DER]}`. The directory is
    also written to `file`. May be done again: a version is signed only when something changed
    or the newest one has lived half of its life.
    """
    # Models can be imported only when Django is set up.
    from pencere.web.country import country  # noqa: PLC0415
    from pencere.web.stateregister.domain import directory, founding, loading  # noqa: PLC0415

    data = loading.load_country(country())
    entries = [
        loading.NodeEntry(
            id=node["id"],
            address=node["address"],
            serves=tuple(node["serves"]),
            certificates=tuple(node["certificates"]),
        )
        for node in nodes
    ]
    loading.load_nodes(entries, data.instance)
    founding.found(country(), at=clock.now())
    publication = directory.publish(
        instance=data.instance,
        signer=signer,
        at=clock.now(),
        consent_register=data.consent_register,
    )
    directory.write_newest(file)
    return publication.version


def newer_data_lines() -> list[str]:
    """Return in words for an operator what the country's files say otherwise than the register.

    Raises:
        Misconfigured: a file cannot be read.
    """
    # Models can be imported only when Django is set up.
    from pencere.web.country import country  # noqa: PLC0415
    from pencere.web.stateregister.domain.newer_data import newer_data  # noqa: PLC0415

    lines = []
    for one in newer_data(country()):
        before, after = _apart(one.change.before, one.change.after)
        field = f"{one.change.key} {one.change.what}".strip()
        fate = "people decided, stays" if one.is_acted_on else "by law when founded next"
        lines.append(f"{one.about} {one.key}, {field}: registered {before}, file {after} ({fate})")
    return lines


def _apart(before: Any, after: Any) -> tuple[str, str]:
    """Return both values as short JSON; of two mappings only what differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [one for one in after if before.get(one) != after[one]]
        before, after = ({one: side.get(one) for one in names} for side in (before, after))
    return _short(before), _short(after)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
