"""Addresses of one's own certificates."""

from django.urls import path

from pencere.web.portal.certificates import remote, views

urlpatterns = [
    path("window/certificates/", views.listed, name="certificates"),
    path("window/certificates/end/", views.end, name="certificates_end"),
    path("window/certificates/watch/", views.watch, name="certificates_watch"),
    path("remote-keys/", remote.listed, name="remote_keys"),
    path("remote-keys/new/", remote.begin, name="remote_key_new"),
    path("remote-keys/wait/", remote.wait, name="remote_key_wait"),
    path("remote-keys/state/", remote.state, name="remote_key_state"),
    path("remote-keys/cancel/", remote.cancel, name="remote_key_cancel"),
]
