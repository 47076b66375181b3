"""Who judges a file: evidence of an exchange has rules of its own."""

from pencere.documents.validation import judging
from pencere.documents.validation.exchange import judging as exchanges
from pencere.documents.validation.report import LARGEST_FILE_BYTES, Report
from pencere.documents.validation.request import Request


def judge(request: Request) -> Report:
    """Return what a file is."""
    if len(request.content) <= LARGEST_FILE_BYTES and exchanges.is_evidence(request.content):
        return exchanges.judge(request)
    return judging.judge(request)
