"""Taking in a file: what it really is, what is wrong with it, and a clean copy to keep."""

import io
import logging
from datetime import datetime
from pathlib import PurePath
from typing import Protocol
from uuid import UUID

from PIL import Image, ImageOps

from pencere.kernel.errors import Missing, Refused, Unavailable
from pencere.services import photos
from pencere.services.forms import FieldError, FieldErrors, Upload
from pencere.services.model.question import Question, QuestionType
from pencere.services.words import say
from pencere.web.cases.domain import files, scanning
from pencere.web.cases.models import Attachment, Draft

log = logging.getLogger(__name__)

# A portrait is printed at 413 x 531; more than this only costs space.
LARGEST_SIDE = 1600
JPEG_QUALITY = 90
LONGEST_NAME = 120


class Readable(Protocol):
    """A file that was sent."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""


def add(*, draft: Draft, question: Question, name: str, file: Readable, at: datetime) -> Upload:
    """Look at a file, keep a clean copy of it, and return what the answer holds.

    A picture is decoded and written anew, so nothing that came with it (places, previews,
    hidden parts) stays.

    Raises:
        FieldErrors: too large, not of an accepted kind, or unusable, in words.
    """
    content = file.read(question.max_bytes + 1)
    if len(content) > question.max_bytes:
        raise _wrong(question, "file.too_large", limit=str(question.max_bytes // 1024 // 1024))
    if not content:
        raise _wrong(question, "file.empty")
    media_type, width, height, kept = _examined(question, content)
    digest = files.keep(kept, checked=_is_checked(question, content))
    attachment = Attachment.objects.create(
        draft=draft,
        question=question.id,
        name=_name(name),
        media_type=media_type,
        size_bytes=len(kept),
        width=width,
        height=height,
        sha256=digest,
        added_at=at,
    )
    return upload_of(attachment)


def upload_of(attachment: Attachment) -> Upload:
    """Return an attachment as the engine's value."""
    return Upload(
        id=str(attachment.id),
        name=attachment.name,
        media_type=attachment.media_type,
        size_bytes=attachment.size_bytes,
        width=attachment.width,
        height=attachment.height,
    )


def attachment_of(*, draft: Draft, attachment_id: UUID) -> Attachment:
    """Return a file of a draft, else raise Missing("file.missing")."""
    found = Attachment.objects.filter(draft=draft, pk=attachment_id).first()
    if found is None:
        raise Missing("file.missing")
    return found


def _name(given: str) -> str:
    """Return the last part of a name without signs that are not seen or turn the line around."""
    last = PurePath(given.replace("\\", "/")).name
    return "".join(sign for sign in last if sign.isprintable())[-LONGEST_NAME:] or "file"


def _is_checked(question: Question, content: bytes) -> bool:
    """Have the file looked at as it was sent; say False when nobody could, to be done later."""
    scanner = scanning.scanner()
    if scanner is None:
        return True
    try:
        scanner.check(content)
    except Refused as refusal:
        log.warning("upload_infected question=%s", question.id)
        raise _wrong(question, "file.infected") from refusal
    except Unavailable:
        return False
    return True


def _examined(question: Question, content: bytes) -> tuple[str, int, int, bytes]:
    if content.startswith(b"%PDF-"):
        if "application/pdf" not in question.accept:
            raise _wrong(question, "file.wrong_type", example=_kinds(question))
        return "application/pdf", 0, 0, content
    found = photos.examine(content)
    if question.type is QuestionType.PHOTO and found.faults:
        raise FieldErrors([FieldError(question.id, code, say(code)) for code in found.faults])
    if "photo.unreadable" in found.faults or found.media_type not in question.accept:
        raise _wrong(question, "file.wrong_type", example=_kinds(question))
    kept, width, height = _clean_picture(content)
    return "image/jpeg", width, height, kept


def _clean_picture(content: bytes) -> tuple[bytes, int, int]:
    with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=JPEG_QUALITY)
    return out.getvalue(), picture.width, picture.height


def _wrong(question: Question, code: str, **facts: str) -> FieldErrors:
    return FieldErrors([FieldError(question.id, code, say(code, **facts))])


def _kinds(question: Question) -> str:
    return ", ".join(kind.rpartition("/")[2].upper() for kind in question.accept)
