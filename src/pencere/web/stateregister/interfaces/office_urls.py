"""Addresses in the office."""

from django.urls import path

from pencere.web.stateregister.interfaces.directory_file import directory_file

urlpatterns: list[object] = []
plain_urlpatterns = [path("stateregister/directory.jws", directory_file, name="directory_file")]
