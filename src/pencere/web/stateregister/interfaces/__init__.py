"""How others use the state register."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pencere.kernel.clock import Clock
from pencere.trust.signers import Signer


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
    directory.write_directory(publication, file)
    return publication.version
