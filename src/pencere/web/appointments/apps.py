"""The app of appointments."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    """Appointments."""

    name = "pencere.web.appointments"
    label = "appointments"
