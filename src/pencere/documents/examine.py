"""Examining a signed file in this process, without limits: for files of our own making."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.validation.dispatch import judge
from pencere.documents.validation.report import Report
from pencere.documents.validation.request import Request


def examine(content: bytes, anchors: Sequence[x509.Certificate], at: datetime) -> Report:
    """Return what the file is, `at` being now; `anchors` are the roots trusted."""
    encoded = tuple(one.public_bytes(Encoding.DER) for one in anchors)
    return judge(Request(content, encoded, at))
