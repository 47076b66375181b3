"""Is a portrait photograph usable on a document? Size, shape, light and sharpness; no biometrics.

The size is 35 x 45 mm at 300 dots an inch (ICAO Doc 9303-3, 3.9).
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps, ImageStat, UnidentifiedImageError

MIN_WIDTH = 413
MIN_HEIGHT = 531
MAX_PIXELS = 40_000_000
# 35:45 is 0.778; telephones crop to 3:4 (0.75) and 4:5 (0.8).
MIN_RATIO, MAX_RATIO = 0.70, 0.85
MIN_LIGHT, MAX_LIGHT = 40, 230
# Variance of the Laplacian at a common width; a defocused portrait lies under 10, a sharp one
# over 60.
SHARP_WIDTH = 400
MIN_SHARPNESS = 12.0

_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png"}


@dataclass(frozen=True, slots=True)
class Examination:
    """What the picture is and the codes of what is wrong with it, `photo.*` of texts.yaml."""

    media_type: str
    width: int
    height: int
    faults: tuple[str, ...]


def examine(content: bytes) -> Examination:
    """Decode the picture and look at it. A file that is no picture has `photo.unreadable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(_FORMATS)) as opened:
                media_type = _FORMATS[str(opened.format)]
                if opened.width * opened.height > MAX_PIXELS:
                    return Examination(media_type, opened.width, opened.height, _UNREADABLE)
                upright = ImageOps.exif_transpose(opened)
                width, height = upright.size
                grey = upright.convert("L")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Examination("", 0, 0, _UNREADABLE)
    except Image.DecompressionBombWarning:
        return Examination("", 0, 0, _UNREADABLE)
    return Examination(media_type, width, height, _faults(grey, width, height))


_UNREADABLE = ("photo.unreadable",)


def _faults(grey: Image.Image, width: int, height: int) -> tuple[str, ...]:
    light = ImageStat.Stat(grey).mean[0]
    small = grey.resize((SHARP_WIDTH, max(1, height * SHARP_WIDTH // width)))
    edges = small.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), 1, 128))
    inner = edges.crop((2, 2, edges.width - 2, max(3, edges.height - 2)))
    found = {
        "photo.too_small": width < MIN_WIDTH or height < MIN_HEIGHT,
        "photo.wrong_shape": not MIN_RATIO <= width / height <= MAX_RATIO,
        "photo.too_dark": light < MIN_LIGHT,
        "photo.too_bright": light > MAX_LIGHT,
        "photo.blurred": ImageStat.Stat(inner).var[0] < MIN_SHARPNESS,
    }
    return tuple(code for code, is_so in found.items() if is_so)
