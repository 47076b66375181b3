"""Addresses in the office."""

from django.urls import path

from pencere.web.stateregister.interfaces.directory_file import directory_file
from pencere.web.stateregister.interfaces.joining import certificates, join, traffic_report

urlpatterns: list[object] = []
plain_urlpatterns = [
    path("stateregister/directory.jws", directory_file, name="directory_file"),
    path("stateregister/nodes/join", join, name="node_join"),
    path("stateregister/nodes/certificates", certificates, name="node_certificates"),
    path("stateregister/nodes/traffic", traffic_report, name="node_traffic"),
]
