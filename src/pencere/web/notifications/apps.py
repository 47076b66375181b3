"""The app `notifications`."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Messages to people."""

    name = "pencere.web.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Count for `/metrics`."""
        # Models can be imported from here on.
        from pencere.web.notifications import gauges  # noqa: PLC0415

        gauges.register()
