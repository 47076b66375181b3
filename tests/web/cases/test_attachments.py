"""Files that applicants send: good ones are kept clean, others are refused in words."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image, ImageDraw

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing
from pencere.services.forms import FieldErrors, Upload
from pencere.services.model.question import Question, QuestionType
from pencere.web.cases.domain import attachments, definitions, drafts, files
from pencere.web.cases.models import Attachment, Draft
from pencere.web.people.models import Person


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "_path", lambda digest: tmp_path / digest.hex())
    return tmp_path


@pytest.fixture
def draft(applicant: Person, clock: FixedClock) -> Draft:
    return drafts.start_draft(person=applicant, service="driving-licence-replace", at=clock.now())


@pytest.fixture
def photo(clock: FixedClock) -> Question:
    found = definitions.newest("driving-licence-replace", at=clock.now()).question("photo")
    assert found is not None
    return found


@pytest.fixture
def paper(photo: Question) -> Question:
    """A question for a document: a picture or a PDF of any shape."""
    kinds = ("application/pdf", "image/jpeg")
    return replace(photo, type=QuestionType.FILE, accept=kinds)


def portrait(size: tuple[int, int] = (413, 531), form: str = "JPEG", **saved: object) -> bytes:
    picture = Image.new("RGB", size, (200, 200, 205))
    draw = ImageDraw.Draw(picture)
    for x in range(0, size[0], 7):
        draw.line([(x, 0), (x, size[1])], fill=(90, 70, 60), width=2)
    out = io.BytesIO()
    picture.save(out, format=form, **saved)
    return out.getvalue()


def add(draft: Draft, question: Question, content: bytes, name: str = "me.jpg") -> Upload:
    return attachments.add(
        draft=draft, question=question, name=name, file=io.BytesIO(content), at=draft.created_at
    )


def refused(draft: Draft, question: Question, content: bytes) -> str:
    with pytest.raises(FieldErrors) as refusal:
        add(draft, question, content)
    assert Attachment.objects.count() == 0
    (error,) = refusal.value.errors
    assert error.say.az
    return error.code


def test_a_good_photograph_is_kept_sealed(draft: Draft, photo: Question, folder: Path) -> None:
    upload = add(draft, photo, portrait())

    kept = Attachment.objects.get(pk=upload.id)
    (on_disk,) = folder.iterdir()
    content = files.content_of(bytes(kept.sha256))
    assert (upload.media_type, upload.width, upload.height) == ("image/jpeg", 413, 531)
    assert content.startswith(b"\xff\xd8")
    assert b"\xff\xd8\xff" not in on_disk.read_bytes()[:64]
    assert on_disk.stat().st_mode & 0o777 == 0o600


def test_a_picture_that_lies_on_its_side_is_put_upright_and_loses_where_it_was_taken(
    draft: Draft, photo: Question
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn right
    exif[0x010E] = "Bakı, Nizami küçəsi 5"
    lying = Image.open(io.BytesIO(portrait())).rotate(90, expand=True)
    out = io.BytesIO()
    lying.save(out, format="JPEG", exif=exif)

    upload = add(draft, photo, out.getvalue())

    content = files.content_of(bytes(Attachment.objects.get().sha256))
    assert (upload.width, upload.height) == (413, 531)
    with Image.open(io.BytesIO(content)) as kept:
        assert dict(kept.getexif()) == {}
    assert b"Nizami" not in content


def test_a_huge_photograph_is_made_smaller(draft: Draft, photo: Question) -> None:
    upload = add(draft, photo, portrait((2100, 2700)))

    assert (upload.width, upload.height) == (1244, 1600)


def test_a_png_becomes_a_jpeg(draft: Draft, photo: Question) -> None:
    assert add(draft, photo, portrait(form="PNG")).media_type == "image/jpeg"


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes that would take gigabytes when it is unpacked."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.empty"),
        (b"\xff" * (5 * 1024 * 1024 + 1), "file.too_large"),
        (b"not a picture at all", "photo.unreadable"),
        (b"%PDF-1.7\n%%EOF", "file.wrong_type"),
        (b"GIF89a" + bytes(40), "photo.unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "photo.unreadable"),
        (bomb(), "photo.unreadable"),
        (portrait()[:400], "photo.unreadable"),
        (portrait((300, 386)), "photo.too_small"),
        (portrait((531, 531)), "photo.wrong_shape"),
    ],
    ids=["empty", "6 MB", "text", "pdf", "gif", "svg", "bomb", "half", "small", "square"],
)
def test_what_is_no_usable_photograph_is_refused_in_words(
    draft: Draft, photo: Question, content: bytes, code: str
) -> None:
    assert refused(draft, photo, content) == code


@pytest.mark.parametrize("cut", range(20, 900, 40))
def test_a_broken_png_is_refused_and_nothing_else_happens(
    draft: Draft, paper: Question, cut: int
) -> None:
    whole = bytearray(portrait((40, 50), form="PNG"))
    whole[cut % len(whole)] ^= 0xFF

    assert refused(draft, paper, bytes(whole[: len(whole) - cut % 7])) == "file.wrong_type"


def test_a_pdf_is_taken_where_it_is_asked_for(draft: Draft, paper: Question) -> None:
    assert add(draft, paper, b"%PDF-1.7\n%%EOF", "a.pdf").media_type == "application/pdf"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\aydan\\me.jpg", "me.jpg"),
        ("a\x00b\r\nc.jpg", "abc.jpg"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("", "file"),
        ("..", ".."),
        ("ş" * 300 + ".jpg", "ş" * 116 + ".jpg"),
    ],
)
def test_a_name_is_only_a_name(draft: Draft, photo: Question, given: str, kept: str) -> None:
    assert add(draft, photo, portrait(), given).name == kept


def test_a_file_is_given_only_through_its_own_draft(
    draft: Draft, photo: Question, make_person: Callable[..., Person], clock: FixedClock
) -> None:
    upload = add(draft, photo, portrait())
    other = drafts.start_draft(
        person=make_person("4LEYL82"), service="driving-licence-replace", at=clock.now()
    )

    for owner, wanted in ((other, UUID(upload.id)), (draft, uuid4())):
        with pytest.raises(Missing):
            attachments.attachment_of(draft=owner, attachment_id=wanted)


def test_the_same_picture_twice_is_one_file(draft: Draft, photo: Question, folder: Path) -> None:
    add(draft, photo, portrait())
    add(draft, photo, portrait())

    assert (Attachment.objects.count(), len(list(folder.iterdir()))) == (2, 1)
