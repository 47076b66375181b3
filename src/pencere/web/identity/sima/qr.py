"""A QR code as a drawing in the page: no picture to fetch, sharp at any size."""

import segno
from markupsafe import Markup


def qr_svg(content: str, label: str) -> Markup:
    """Return the drawing; `label` is what it is, for who cannot see it."""
    code = segno.make(content, error="l", micro=False)
    drawn: str = code.svg_inline(border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr")
    attributes = Markup('<svg role="img" aria-label="{}" ').format(label)
    return Markup(drawn.replace("<svg ", attributes, 1))  # noqa: S704 - ours, and digits
