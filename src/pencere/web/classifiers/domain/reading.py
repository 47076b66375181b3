"""Lists, what holds on a day, and what one version changed of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.classifiers.domain.data import Code
from pencere.web.classifiers.models import CodeList, Entry, Version


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a code: `kind` is added, removed or changed; what is not there is None."""

    kind: str
    code: str
    before: Code | None
    after: Code | None


def code_lists() -> list[CodeList]:
    """Return every list in use, with its versions."""
    return list(CodeList.objects.filter(is_active=True).prefetch_related("versions").order_by("id"))


def code_list(key: str) -> CodeList:
    """Return a list.

    Raises:
        Missing: `code_list.unknown`.
    """
    found = CodeList.objects.filter(id=key[:60]).prefetch_related("versions").first()
    if found is None:
        raise Missing("code_list.unknown")
    return found


def version_of(of: CodeList, number: int) -> Version:
    """Return a version by number.

    Raises:
        Missing: `code_list.no_version`.
    """
    found = next((one for one in of.versions.all() if one.number == number), None)
    if found is None:
        raise Missing("code_list.no_version")
    return found


def version_on(of: CodeList, day: date) -> Version:
    """Return the version that holds on a day.

    Raises:
        Missing: `code_list.not_yet`, before its first version.
    """
    begun = [one for one in of.versions.all() if one.valid_from <= day]
    if not begun:
        raise Missing("code_list.not_yet")
    return max(begun, key=lambda one: (one.valid_from, one.number))


def before(version: Version) -> Version | None:
    """Return the version that held before this one took its place."""
    others = [
        one
        for one in version.code_list.versions.all()
        if (one.valid_from, one.number) < (version.valid_from, version.number)
    ]
    return max(others, key=lambda one: (one.valid_from, one.number), default=None)


def codes_of(version: Version, *, on: date | None = None) -> list[Code]:
    """Return the codes of a version in their order; with `on` only those that hold that day."""
    rows = Entry.objects.filter(version=version).order_by("place")
    codes = [
        Code(row.code, Text.from_mapping(row.names), row.parent, row.valid_from, row.valid_until)
        for row in rows
    ]
    return codes if on is None else [code for code in codes if code.holds_on(on)]


def changes(old: Sequence[Code], new: Sequence[Code]) -> list[Change]:
    """Return what became of each code, in the order of the newer version, removed ones last."""
    was, now = ({code.code: code for code in codes} for codes in (old, new))
    found = [
        Change("changed" if code.code in was else "added", code.code, was.get(code.code), code)
        for code in new
        if was.get(code.code) != code
    ]
    gone = [Change("removed", code.code, code, None) for code in old if code.code not in now]
    return found + gone
