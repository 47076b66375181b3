"""Files: taken in by the portal, judged here by what the question accepts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pencere.services.cleaning.common import Raw, Upload, wrong
from pencere.services.model.question import MOST_FILES, Question


def file(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return one file as a mapping."""
    upload = raw.get(question.id)
    return _judged(question, upload) if isinstance(upload, Upload) else None


def files(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return several files as mappings, in the order they were given."""
    given = raw.get(question.id)
    several: Sequence[object] = [given] if isinstance(given, Upload) else list(given or ())
    uploads = [one for one in several if isinstance(one, Upload)]
    if not uploads:
        return None
    if len(uploads) < (question.minimum or 0):
        raise wrong(question, "files.too_few", limit=str(question.minimum))
    most = question.maximum or MOST_FILES
    if len(uploads) > most:
        raise wrong(question, "files.too_many", limit=str(most))
    return [_judged(question, upload) for upload in uploads]


def _judged(question: Question, upload: Upload) -> dict[str, object]:
    if upload.size_bytes <= 0:
        raise wrong(question, "file.empty")
    if upload.media_type not in question.accept:
        kinds = ", ".join(sorted({kind.split("/")[1].upper() for kind in question.accept}))
        raise wrong(question, "file.wrong_type", example=kinds)
    if upload.size_bytes > question.max_bytes:
        raise wrong(question, "file.too_large", limit=f"{question.max_bytes // (1024 * 1024)}")
    return asdict(upload)
