"""The app `people`."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    """Its label is short: tables are named `people_...`."""

    name = "pencere.web.people"
    label = "people"

    def ready(self) -> None:
        """After each migration the daily user gets its rights on what is new."""
        from pencere.web.rights import grant_daily_rights  # noqa: PLC0415 - needs the apps to be loaded

        post_migrate.connect(grant_daily_rights, sender=self)
