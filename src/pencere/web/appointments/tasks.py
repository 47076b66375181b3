"""Jobs of appointments."""

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.web.appointments.domain import making, telling


@app.periodic(cron="*/10 * * * *")
@app.task(name="appointments.make", queue="appointments", queueing_lock="appointments.make")
def make_slots(timestamp: int) -> None:
    """Make the slots of the days ahead."""
    making.make(at=settings.CLOCK.now())


@app.periodic(cron="20 5-16 * * *")
@app.task(name="appointments.remind", queue="appointments", queueing_lock="appointments.remind")
def remind(timestamp: int) -> None:
    """Remind who is expected tomorrow, by day (09:20 to 20:20 in Baku) and once."""
    telling.remind(at=settings.CLOCK.now())
