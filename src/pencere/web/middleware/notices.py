"""Notices to show on the next page, in a signed cookie of the role's own."""

from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Notices(CookieStorage):
    """Two roles on one host must not read each other's notices."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.cookie_name = settings.MESSAGES_COOKIE

    def update(self, response: HttpResponseBase) -> list[Message] | None:
        """Write what is still to be shown into the cookie; return what has no room there."""
        # A page that looks for notices and finds none must not delete a cookie nobody sent:
        # an answer that touches a cookie is kept by no cache.
        if not self.added_new and self.cookie_name not in self.request.COOKIES:
            return []
        return super().update(response)
