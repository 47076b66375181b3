"""The app as Django sees it."""

from django.apps import AppConfig


class CertificationConfig(AppConfig):
    """Who is told of certificates issued in their name; the certificates are the centre's."""

    name = "pencere.web.certification"
    label = "certification"
