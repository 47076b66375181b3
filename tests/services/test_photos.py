"""Photographs: what the eye of the system refuses before an officer sees it."""

import io

import pytest
from PIL import Image, ImageDraw, ImageFilter

from pencere.services.photos import Examination, examine


def portrait(width: int = 620, height: int = 800, *, light: int = 200) -> Image.Image:
    """Draw a head and shoulders with enough detail to be sharp."""
    image = Image.new("RGB", (width, height), (light, light, light))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.3, height * 0.2, width * 0.7, height * 0.6), fill=(150, 110, 90))
    draw.rectangle((width * 0.2, height * 0.7, width * 0.8, height), fill=(30, 40, 90))
    for x in range(0, width, 12):
        draw.line((x, height * 0.7, x, height), fill=(220, 220, 220), width=3)
    return image


def saved(image: Image.Image, form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def test_a_good_photograph_has_no_faults() -> None:
    assert examine(saved(portrait())) == Examination("image/jpeg", 620, 800, ())


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (portrait(412, 531), "photo.too_small"),
        (portrait(900, 800), "photo.wrong_shape"),
        (portrait().point(lambda value: value // 8), "photo.too_dark"),
        (Image.new("RGB", (620, 800), "white"), "photo.too_bright"),
        (portrait().filter(ImageFilter.GaussianBlur(20)), "photo.blurred"),
    ],
)
def test_a_photograph_that_cannot_be_used_says_why(image: Image.Image, fault: str) -> None:
    assert fault in examine(saved(image, "PNG")).faults


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", b"GIF89a", saved(portrait())[:200], b"\x89PNG\r\n\x1a\n" + b"\0" * 40],
)
def test_what_is_no_picture_is_unreadable(content: bytes) -> None:
    assert examine(content).faults == ("photo.unreadable",)
