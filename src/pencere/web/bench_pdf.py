"""How long a decision takes as a document: made, sealed by the trust centre, time-stamped.

Needs Django set up and a running installation: seal, time stamps and statuses come over HTTP as
they do for every document. Nothing is kept.
"""

from statistics import median
from time import perf_counter

from django.conf import settings

from pencere.documents.code import new_code
from pencere.web.country import country
from pencere.web.issued.domain.issuing import verification_url
from pencere.web.issued.domain.sealing import sealed_pdf

LONGEST_MS = 150.0
RUNS = 20
SERVICE, TEMPLATE = "residence-certificate", "certificate.typ"


def bench_pdf() -> list[dict[str, object]]:
    """Return the JSON of `pencere bench pdf`; `value` is the median in milliseconds.

    Raises:
        Unavailable: the trust centre does not answer.
    """
    times = []
    for number in range(RUNS + 1):
        began = perf_counter()
        made = sealed_pdf(
            template=country().folder / "services" / SERVICE / TEMPLATE,
            values=_VALUES,
            language="az",
            verification_url=verification_url(new_code()),
            body="bpqmi",
            number=f"BENCH-{number}",
            at=settings.CLOCK.now(),
        )
        times.append((perf_counter() - began) * 1000)
        assert made.startswith(b"%PDF-")  # noqa: S101  # what it returns
    first, *warm = times
    middle = median(warm)
    return [
        {
            "name": "decision-pdf",
            "value": round(middle, 1),
            "unit": "ms",
            "limit": LONGEST_MS,
            "limit_name": "the longest that is allowed",
            "ratio": round(LONGEST_MS / middle, 2),
            "target": 1.0,
            "runs": RUNS,
            "first_ms": round(first, 1),
            "slowest_ms": round(max(warm), 1),
        }
    ]


_VALUES = {
    "family": "Quliyeva", "given": "Aydan", "patronymic": "Rauf qızı", "born": "1991-05-12",
    "fin": "5ABCDE1", "kind": "permanent", "address": "Bakı şəhəri, Nizami küçəsi 64",
    "since": "2015-06-01", "presented_to": "anyone", "issued_on": "2026-11-20",
    "case_number": "BENCH",
}  # fmt: skip
