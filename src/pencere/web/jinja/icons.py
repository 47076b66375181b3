"""Line drawings of 24 by 24, one for each life event and a few for the frame of the page."""

from markupsafe import Markup

from pencere.kernel.errors import Misconfigured

_DRAWINGS = {
    "child": '<circle cx="12" cy="7" r="3.2"/><path d="M5 21c0-4 3-7 7-7s7 3 7 7"/>',
    "rings": '<circle cx="9" cy="14" r="5.5"/><circle cx="15" cy="14" r="5.5"/>'
    '<path d="m9 8.5-2-4h4zM15 8.5l-2-4h4z"/>',
    "house": '<path d="M3 11 12 4l9 7M6 9.5V20h12V9.500M10 20v-6h4v6"/>',
    "car": '<path d="M3 16v-3l2-5.500h14L21 13v3zM3 13h18"/>'
    '<circle cx="7" cy="17.5" r="2"/><circle cx="17" cy="17.5" r="2"/>',
    "briefcase": '<path d="M3 8h18v12H3zM9 8V5h6v3M3 13h18"/>',
    "cap": '<path d="m2 9 10-5 10 5-10 5zM6 11.500V17c3 2.5 9 2.5 12 0v-5.5"/>',
    "building": '<path d="M4 21V10l8-6 8 6v11M9 21v-7h6v7"/>',
    "heart": '<path d="M12 20S4 14.5 4 9a4.3 4.3 0 0 1 8-2 4.3 4.3 0 0 1 8 2c0 5.5-8 11-8 11z"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 6.500V12l4 2.5"/>',
    "candle": '<path d="M9 10h6v11H9zM12 10V7M12 7c-2-2 0-3.5 0-4.5 0 1 2 2.5 0 4.500z"/>',
    "office": '<path d="M4 21V5h10v16M14 10h6v11M7.5 9h3M7.5 13h3M7.5 17h3"/>',
    "card": '<path d="M3 5h18v14H3z"/><circle cx="9" cy="11" r="2.3"/>'
    '<path d="M5.5 16.500c.6-2 2-3 3.5-3s2.9 1 3.5 3M15 10h3M15 13.500h3"/>',
    "other": '<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m16 16 5 5"/>',
    "phone": '<path d="M7 2.500h10v19H7zM11 18.500h2"/>',
    "lock": '<path d="M5 10.500h14V21H5zM8 10.500V7a4 4 0 0 1 8 0v3.5"/>',
    "document": '<path d="M6 2.500h8l4 4v15H6zM14 2.500v4h4M9 12h6M9 16h6"/>',
    "window": '<path d="M4 22V11a8 8 0 0 1 16 0v11zM12 3v19M4 13h16"/>',
    "warning": '<path d="M12 3 2 20.500h20zM12 10v5M12 17.500v.5"/>',
    "check": '<path d="m4 12.5 5.5 5.500L20 6.5"/>',
}


def icon(name: str) -> Markup:
    """Return a drawing. It says nothing to a screen reader: the words stand beside it."""
    try:
        drawing = _DRAWINGS[name]
    except KeyError:
        raise Misconfigured(
            file=__file__, key="icon", value=name, example=", ".join(sorted(_DRAWINGS))
        ) from None
    return Markup(  # noqa: S704 - drawings of this module only
        '<svg viewBox="0 0 24 24" class="icon" fill="none" stroke="currentColor" '
        'stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round" '
        f'aria-hidden="true" focusable="false">{drawing}</svg>'
    )


def has_icon(name: str) -> bool:
    """Say whether there is a drawing of this name."""
    return name in _DRAWINGS
