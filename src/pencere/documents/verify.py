"""Verifying a file that came from anywhere, within limits of time and memory.

The front door of `validation` for the other planes. Path building and decompression can be
driven into hours and gigabytes by whoever made the file, so the work is done in processes that
are stopped when they exceed their limits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.validation.material import Material
from pencere.documents.validation.pool import Limits, shared
from pencere.documents.validation.report import Report
from pencere.documents.validation.request import Request

BUDGET_S = 15.0


def verify(  # noqa: PLR0913 - all but three have defaults
    content: bytes,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    *,
    budget_s: float = BUDGET_S,
    detached: Mapping[str, bytes] | None = None,
    policy: str = "pencere",
    extra: Material | None = None,
    lists: Sequence[bytes] = (),
    list_signers: Sequence[x509.Certificate] = (),
    online: bool = False,
    wants_xml: bool = False,
) -> Report:
    """Return what the file is, from the evidence in it; `at` is the present instant.

    `online`: evidence that the file lacks is asked for where its certificates say. Never raises
    for what is in the file: a verdict that cannot be reached is INDETERMINATE.
    """
    return shared().judge(
        Request(
            content=content,
            anchors=_ders(anchors),
            at=at,
            detached=detached or {},
            policy=policy,
            extra=extra or Material(),
            lists=tuple(lists),
            list_signers=_ders(list_signers),
            online=online,
            wants_xml=wants_xml,
        ),
        Limits(wall_s=budget_s, cpu_s=min(budget_s, 12.0)),
    )


def _ders(some: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in some)
