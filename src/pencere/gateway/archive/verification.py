"""Whether an archive is complete: every link, every file, no number missing. Needs no secret."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pencere.gateway.archive.manifest import Manifest, manifest_name, read_manifest, root_of_files
from pencere.gateway.archive.sealed import header_of, holds, open_file
from pencere.gateway.archive.store import Store
from pencere.gateway.proof.exchange import ExchangeProof
from pencere.kernel.errors import Invalid, Missing, PencereError, Refused

# Returns why the signature or the time-stamp of a manifest does not hold; nothing when it does.
Check = Callable[[bytes], Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a code (docs/specs/archive.md, "Verification") and where."""

    code: str
    where: str
    detail: str = ""


@dataclass
class Verified:
    """What an archive is. `since` and `until` are the period it covers."""

    log: str = ""
    manifests: int = 0
    files: int = 0
    exchanges: int = 0
    since: str = ""
    until: str = ""
    opened: bool = False
    findings: list[Finding] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Say whether nothing is missing and nothing was changed."""
        return not self.findings


def verify(
    store: Store,
    *,
    check: Check | None = None,
    secrets: Sequence[str] = (),
    known: Mapping[int, str] | None = None,
) -> Verified:
    """Go through an archive.

    `check` judges the signature of a manifest; `secrets` let the files be opened as well;
    `known` are the SHA-256 of manifests by number as the log or its ledger has them, which is
    what shows that the last ones were taken away.

    Raises:
        Unavailable: the store is away.
    """
    found = Verified(opened=bool(secrets))
    names = store.names()
    there = set(names)
    numbers = [int(one[9:15]) for one in names if _is_manifest(one)]
    last = max([*numbers, *(known or {})], default=0)
    listed: set[str] = set()
    before: tuple[Manifest, str] | None = None
    for number in range(1, last + 1):
        name = manifest_name(number)
        listed.add(name)
        if name not in there:
            found.findings.append(Finding("archive.manifest_missing", name))
            before = None
            continue
        content = store.get(name)
        digest = hashlib.sha256(content).hexdigest()
        if known is not None and known.get(number) != digest:
            found.findings.append(Finding("archive.manifest_other", name))
        try:
            manifest = read_manifest(content)
        except Invalid:
            found.findings.append(Finding("archive.manifest_malformed", name))
            before = None
            continue
        if check is not None:
            found.findings += [
                Finding("archive.manifest_unproved", name, one) for one in check(content)
            ]
        _link(found, manifest, number, before, has_gap=number > 1 and before is None)
        listed |= {one.name for one in manifest.files}
        _files(found, store, there, manifest, secrets)
        before = (manifest, digest)
    found.findings += [Finding("archive.unknown_file", one) for one in names if one not in listed]
    if not last and known is None:
        found.findings.append(Finding("archive.empty", "-"))
    return found


def find(store: Store, number: str, secrets: Sequence[str]) -> list[ExchangeProof]:
    """Return the sides of an exchange that an archive holds, newest files first.

    Raises:
        Missing: `exchange.unknown`.
        Refused: `archive.key`, `archive.changed`.
    """
    files = [one for one in store.names() if one.endswith(".pxa")]
    for name in reversed(files):
        content = store.get(name)
        if holds(content, number):
            proofs = open_file(content, secrets)
            return [one for one in proofs if number in {one.exchange, one.facts["message_id"]}]
    raise Missing("exchange.unknown")


def _link(
    found: Verified,
    manifest: Manifest,
    number: int,
    before: tuple[Manifest, str] | None,
    *,
    has_gap: bool,
) -> None:
    name = manifest_name(number)

    def wrong(code: str, detail: str = "") -> None:
        found.findings.append(Finding(code, name, detail))

    if manifest.number != number or (found.log and manifest.log != found.log):
        wrong("archive.manifest_other")
    if before is not None:
        previous, digest = before
        if manifest.previous != digest:
            wrong("archive.chain_broken")
        if manifest.since != previous.until:
            wrong("archive.time_gap", f"{previous.until} - {manifest.since}")
        expected = previous.first + previous.count
        if manifest.first != expected:
            wrong("archive.number_gap", f"{expected} - {manifest.first}")
    elif not has_gap and (manifest.previous or manifest.first != 1):
        wrong("archive.chain_broken")
    for code, detail in _inner(manifest):
        wrong(code, detail)
    found.log = found.log or manifest.log
    found.since = found.since or manifest.since
    found.until = manifest.until
    found.manifests += 1
    found.exchanges += manifest.count


def _inner(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what does not fit together within a manifest."""
    found = []
    following = manifest.first
    for one in manifest.files:
        if one.first != following:
            found.append(("archive.number_gap", f"{following} - {one.first}"))
        following = one.first + one.count
    if following != manifest.first + manifest.count:
        end = manifest.first + manifest.count
        found.append(("archive.number_gap", f"{following} - {end}"))
    if manifest.root != root_of_files(manifest.files):
        found.append(("archive.root", ""))
    return found


def _files(
    found: Verified, store: Store, there: set[str], manifest: Manifest, secrets: Sequence[str]
) -> None:
    for one in manifest.files:
        found.files += 1
        if one.name not in there:
            found.findings.append(Finding("archive.file_missing", one.name))
            continue
        content = store.get(one.name)
        if len(content) != one.size or hashlib.sha256(content).hexdigest() != one.sha256:
            found.findings.append(Finding("archive.file_changed", one.name))
            continue
        try:
            header = header_of(content)
            stated = [header.get(key) for key in ("name", "first", "count", "root", "log")]
            if stated != [one.name, one.first, one.count, one.root, manifest.log]:
                raise Refused("archive.changed")
            if secrets:
                open_file(content, secrets)
        except PencereError as problem:
            found.findings.append(Finding(problem.code, one.name))


def _is_manifest(name: str) -> bool:
    return len(name) == 21 and name == f"manifest-{name[9:15]}.asice" and name[9:15].isdigit()
