"""`pencere bench issue`: certificates against what they cannot do without, in the same run.

One at a time: linted, signed by a P-384 authority, verified, durably on record, with its leaf;
the limits are the linter alone and two durable commits alone. In a batch, unlinted: what the
machinery costs beside the bare signatures of the same key.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.cli.boot.trust import found
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.trust.ceremony import Centre
from pencere.trust.contents import Holder
from pencere.trust.issuance import Wish
from pencere.trust.lint import gate

RUNS, SINGLES, BATCH = 3, 60, 200


def bench_issue() -> list[dict[str, object]]:
    """Return a row for each figure, with its limit, their ratio and the target."""
    lint: list[float] = []
    commits: list[float] = []
    single: list[float] = []
    bare: list[float] = []
    batch: list[float] = []
    with _centre() as centre:
        holders = [_holder(number) for number in range(BATCH)]
        _single_rates(centre, holders[:1])  # pkilint is loaded at the first
        for _ in range(RUNS):
            commits.append(_commit_rate(centre))
            rates = _single_rates(centre, holders[:SINGLES])
            single.append(rates[0])
            lint.append(rates[1])
            bare.append(_bare_rate(centre))
            batch.append(_rate(lambda: _batch(centre, holders), BATCH))
            bare[-1] = (bare[-1] + _bare_rate(centre)) / 2  # before and after
    common: dict[str, object] = {"unit": "certificates per second", "runs": RUNS}
    return [
        _row("issue, one at a time, linted and durable", single, lint, "the linter alone", 0.8)
        | common,
        _row("issue, one at a time, against the disk", single, commits, "two durable commits", None)
        | common,
        _row("issue, batch, unlinted and durable", batch, bare, "bare P-384 signing", 0.5)
        | common
        | {"batch": BATCH},
    ]


def _row(
    name: str, values: list[float], limits: list[float], limit_name: str, target: float | None
) -> dict[str, object]:
    # Each run beside its own limit: a machine that others use is not equally fast twice.
    ratio = median(value / limit for value, limit in zip(values, limits, strict=True))
    return {
        "name": name,
        "value": round(median(values), 1),
        "limit": round(median(limits), 1),
        "limit_name": limit_name,
        "ratio": round(ratio, 3),
        "target": target,
    }


@contextmanager
def _centre() -> Iterator[Centre]:
    """Found a centre on a database of its own, as durable as in earnest; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="pencere-bench-"))
    installation = Installation(data=folder)
    cluster = Cluster.of(installation)
    server = cluster.start()
    try:
        make_databases(installation, ["trust"])
        migrate_databases(installation, ["trust"])
        yield found(installation)
    finally:
        cluster.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _holder(number: int) -> Holder:
    subject = {
        "country": "AZ",
        "organization": "Ölçmə",
        "organization_identifier": f"NTRAZ-bench-{number}",
        "common_name": "Ölçmə",
    }
    return Holder(subject, ec.generate_private_key(ec.SECP256R1()).public_key())


def _batch(centre: Centre, holders: list[Holder]) -> None:
    def nothing(*_: object) -> None:
        """Stand in for the linter, which is measured by itself."""

    issuance = replace(centre.issuance, gate=nothing)
    signer = centre.keystore.signer("issuing-seal")
    issuance.issue_batch(
        [Wish("seal", one) for one in holders], issuer_name="issuing-seal", signer=signer
    )
    issuance.close()


def _single_rates(centre: Centre, holders: list[Holder]) -> tuple[float, float]:
    """Return certificates a second, and what the linter alone could do, from the same calls."""
    spent = 0.0

    def measured(*given: object) -> None:
        nonlocal spent
        began = time.perf_counter()
        gate(*given)  # type: ignore[arg-type]  # what issuance gives the gate
        spent += time.perf_counter() - began

    issuance = replace(centre.issuance, gate=measured)
    signer = centre.keystore.signer("issuing-seal")  # a service keeps it open
    began = time.perf_counter()
    for one in holders:
        issuance.issue("seal", one, issuer_name="issuing-seal", signer=signer)
    took = time.perf_counter() - began
    issuance.close()
    return len(holders) / took, len(holders) / spent


def _commit_rate(centre: Centre) -> float:
    with psycopg.connect(centre.issuance.conninfo) as connection:

        def twice() -> None:
            for _ in range(2 * SINGLES):
                connection.execute(
                    "insert into trust.clock_mark (name, seen) values ('bench', now())"
                    " on conflict (name) do update set seen = excluded.seen"
                )
                connection.commit()

        return _rate(twice, SINGLES)


def _bare_rate(centre: Centre) -> float:
    signer = centre.keystore.signer("issuing-seal")
    tbs = signer.certificate.tbs_certificate_bytes

    def sign() -> None:
        for _ in range(BATCH):
            signer.sign(tbs)

    return _rate(sign, BATCH)


def _rate(work: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)
