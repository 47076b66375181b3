"""Drafts: begin one, save a file of it, read what was saved. Each is of one body."""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files as resources
from uuid import UUID

from django.db import IntegrityError, transaction

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.services.definition import FILE
from pencere.services.package import read_package
from pencere.web.authoring.domain import checking
from pencere.web.authoring.models import DraftSave, ServiceDraft
from pencere.web.people.domain.visit import Visit

ROLE = "service-author"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LARGEST_PACKAGE = 2 * 1024 * 1024


class Changed(Exception):  # noqa: N818, the editor answers it with both texts
    """Somebody saved the file since this author opened it. `theirs` is what they saved."""

    def __init__(self, theirs: str, revision: int) -> None:
        super().__init__(revision)
        self.theirs, self.revision = theirs, revision


def bodies(visit: Visit) -> tuple[str, ...]:
    """Return the bodies whose services the person writes."""
    return tuple(sorted({office.body for office in visit.offices if office.role == ROLE}))


def open_drafts(visit: Visit) -> list[ServiceDraft]:
    """Return the drafts of the person's bodies that are being written."""
    return list(
        ServiceDraft.objects.filter(body__in=bodies(visit), ended_at=None).select_related(
            "begun_by"
        )
    )


def draft_for(visit: Visit, draft_id: UUID) -> ServiceDraft:
    """Return a draft of the person's bodies; of another body it is not there.

    Raises:
        Missing: `authoring.missing`.
    """
    found = ServiceDraft.objects.filter(pk=draft_id, body__in=bodies(visit)).first()
    if found is None:
        raise Missing("authoring.missing")
    return found


def begin(*, service: str, body: str, visit: Visit, at: datetime) -> ServiceDraft:
    """Begin a new service from the template, or the next version of one that the body has.

    Raises:
        Refused: `authoring.role`, `authoring.body`. Invalid: `authoring.id`.
        Conflict: `authoring.open`: somebody writes it already.
    """
    known = checking.surroundings().catalogue
    if service in known.versions:
        newest = known.definition(service)
        if newest.authority != body:
            raise Refused("authoring.body")
        texts = {
            path.name: path.read_text("utf-8")
            for path in sorted(newest.folder.iterdir())
            if path.is_file() and checking.NAME.fullmatch(path.name)
        }
        following = max(known.versions[service]) + 1
        texts[FILE] = re.sub(r"(?m)^version:.*$", f"version: {following}", texts[FILE], count=1)
    else:
        texts = _template(service, body)
    return _begin(service=service, body=body, texts=texts, visit=visit, at=at)


def bring(*, content: bytes, body: str, visit: Visit, at: datetime) -> ServiceDraft:
    """Begin a draft from a package made by `pencere service export`; its newest version counts.

    Raises:
        Invalid: `package.damaged`, `package.name`, `authoring.too_large`; else as `begin`.
    """
    if len(content) > LARGEST_PACKAGE:
        raise Invalid("package.damaged", reason="larger than 2 MiB")
    found = read_package(content)
    service = next(iter(found)).partition("/")[0]
    texts = {}
    for path, data in found.items():
        name = path.partition("/")[2]
        if "/" not in name:
            try:
                texts[name] = data.decode("utf-8")
            except UnicodeDecodeError as problem:
                raise Invalid("package.damaged", reason=f"{name} is no text") from problem
    return _begin(service=service, body=body, texts=texts, visit=visit, at=at)


def texts_of(draft: ServiceDraft, revision: int | None = None) -> dict[str, str]:
    """Return the files as they stand, or stood after a save, by name: service.yaml first."""
    saves = draft.saves.all() if revision is None else draft.saves.filter(revision__lte=revision)
    found: dict[str, str] = {}
    for save in saves.order_by("revision"):
        found[save.name] = save.text
    return dict(sorted(found.items(), key=lambda one: (one[0] != FILE, one[0])))


def revision_of(draft: ServiceDraft, name: str) -> int:
    """Return the number of the last save of a file; 0: never saved."""
    last = draft.saves.filter(name=name).order_by("-revision").first()
    return last.revision if last is not None else 0


def save(  # noqa: PLR0913, it is all of these
    *, draft_id: UUID, name: str, text: str, seen: int, visit: Visit, at: datetime
) -> ServiceDraft:
    """Save the text of a file that the author read at revision `seen` of that file.

    The same text saved twice is one save. A text with faults is saved; it is not proposed.

    Raises:
        Changed: another text was saved since. Missing: `authoring.missing`.
        Invalid: `authoring.file`, `authoring.too_large`. Conflict: `authoring.ended`.
    """
    text = text.replace("\r\n", "\n")
    checking.check_file(name, text)
    draft_for(visit, draft_id)
    with transaction.atomic():
        draft = ServiceDraft.objects.select_for_update().get(pk=draft_id)
        if draft.ended_at is not None:
            raise Conflict("authoring.ended")
        last = draft.saves.filter(name=name).order_by("-revision").first()
        if last is not None and last.text == text:
            return draft
        if (last.revision if last is not None else 0) != seen:
            raise Changed(last.text if last is not None else "", last.revision if last else 0)
        if last is None and draft.saves.values("name").distinct().count() >= checking.MOST_FILES:
            raise Invalid("authoring.too_large", name=name)
        draft.revision += 1
        draft.save(update_fields=["revision"])
        DraftSave.objects.create(
            draft=draft, revision=draft.revision, name=name, text=text, by=visit.person, at=at
        )
    return draft


@transaction.atomic
def drop(*, draft_id: UUID, visit: Visit, at: datetime) -> None:
    """End a draft without publishing; its history stays.

    Raises:
        Missing: `authoring.missing`. Conflict: `authoring.ended`, `authoring.proposed`.
    """
    draft_for(visit, draft_id)
    draft = ServiceDraft.objects.select_for_update().get(pk=draft_id)
    if draft.ended_at is not None:
        raise Conflict("authoring.ended")
    if draft.proposals.filter(decided_at=None).exists():
        raise Conflict("authoring.proposed")
    draft.ended_at = at
    draft.save(update_fields=["ended_at"])


def as_package(service: str, texts: Mapping[str, str]) -> bytes:
    """Return the draft as a package that another installation imports."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(texts):
            archive.writestr(
                zipfile.ZipInfo(f"{service}/{name}", (1980, 1, 1, 0, 0, 0)), texts[name]
            )
    return made.getvalue()


def _template(service: str, body: str) -> dict[str, str]:
    around = checking.surroundings()
    known = {
        "{{service}}": service,
        "{{authority}}": body,
        "{{act}}": min(around.country.acts),
        "{{life_event}}": around.catalogue.life_events[0].id,
    }
    texts = {}
    for template in resources("pencere.services").joinpath("new").iterdir():
        text = template.read_text("utf-8")
        for mark, value in known.items():
            text = text.replace(mark, value)
        texts[template.name] = text
    return texts


def _begin(
    *, service: str, body: str, texts: Mapping[str, str], visit: Visit, at: datetime
) -> ServiceDraft:
    if body not in bodies(visit):
        raise Refused("authoring.role")
    if not _ID.fullmatch(service) or len(service) > 64:
        raise Invalid("authoring.id")
    entry = checking.surroundings().catalogue.entries.get(service)
    if entry is not None and entry.authority != body:
        raise Refused("authoring.body")
    for name, text in texts.items():
        checking.check_file(name, text)
    if len(texts) > checking.MOST_FILES:
        raise Invalid("authoring.too_large", name=service)
    try:
        with transaction.atomic():
            draft = ServiceDraft.objects.create(
                service=service, body=body, begun_by=visit.person, begun_at=at, revision=len(texts)
            )
            for revision, name in enumerate(sorted(texts), start=1):
                DraftSave.objects.create(
                    draft=draft, revision=revision, name=name, text=texts[name],
                    by=visit.person, at=at,
                )  # fmt: skip
    except IntegrityError as problem:
        raise Conflict("authoring.open") from problem
    return draft
