"""The app of payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Payments."""

    name = "pencere.web.payments"
    label = "payments"
