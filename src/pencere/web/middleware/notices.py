"""Notices to show on the next page, in a signed cookie of the role's own."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest


class Notices(CookieStorage):
    """Two roles on one host must not read each other's notices."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.cookie_name = settings.MESSAGES_COOKIE
