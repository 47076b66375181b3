"""Pages travel packed. A cached page is packed once, by the page cache."""

import gzip
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_string

Answer = Callable[[HttpRequest], HttpResponse]

_WORTH_BYTES = 600
_PACKABLE = ("text/", "application/json", "image/svg+xml", "application/jwk-set+json")

# A page of a person may reflect what an attacker sent beside a secret (BREACH): the packed
# length is blurred by this many random bytes, as Django does by default.
_BLUR_BYTES = 100


def accepts_packed(request: HttpRequest) -> bool:
    """Say whether the browser takes gzip."""
    return "gzip" in request.headers.get("Accept-Encoding", "")


def pack(content: bytes) -> bytes:
    """Pack what everybody gets alike."""
    return gzip.compress(content, 6, mtime=0)


class Compression:
    """Packs the answers that the page cache leaves alone."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        response = self._get_response(request)
        if (
            hasattr(response, "page_cache_s")
            or response.streaming
            or response.has_header("Content-Encoding")
            or len(response.content) < _WORTH_BYTES
            or not response.headers.get("Content-Type", "").startswith(_PACKABLE)
        ):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if accepts_packed(request):
            response.content = compress_string(response.content, max_random_bytes=_BLUR_BYTES)
            response["Content-Encoding"] = "gzip"
            response["Content-Length"] = str(len(response.content))
        return response
