"""Jobs of the state register."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.trust.keystore import Keystore
from pencere.web.country import country
from pencere.web.stateregister.domain import directory, duties, publishing, reminders, traffic
from pencere.web.stateregister.domain.exchange_data import read_exchange
from pencere.web.stateregister.interfaces.node_traffic import own_nodes

log = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="stateregister.publish", queue="stateregister", queueing_lock="stateregister.publish"
)
def publish_directory(timestamp: int) -> None:
    """Sign the directory anew long before it expires."""
    del timestamp
    _publish()


@app.task(name=publishing.TASK, queue=publishing.QUEUE, queueing_lock=publishing.TASK)
def publish_now() -> None:
    """Sign the directory anew because an act changed a right."""
    _publish()


@app.periodic(cron="5 * * * *")
@app.task(name="stateregister.remind", queue="stateregister", queueing_lock="stateregister.remind")
def remind(timestamp: int) -> None:
    """Remind of terms, checks and agreements that end; end what is over."""
    del timestamp
    at = settings.CLOCK.now()
    log.info(
        "register_reminded terms=%s checks=%s agreements=%s",
        reminders.terms(at=at),
        duties.remind(at=at),
        reminders.agreements(at=at),
    )


@app.periodic(cron="*/15 * * * *")
@app.task(
    name="stateregister.traffic", queue="stateregister", queueing_lock="stateregister.traffic"
)
def collect_traffic(timestamp: int) -> None:
    """Have the nodes count what was really asked, beside what was agreed."""
    del timestamp
    counted = traffic.collect_all(own_nodes(), at=settings.CLOCK.now())
    log.info("traffic_collected nodes=%s rows=%s", len(counted), sum(counted.values()))


def _publish() -> None:
    installation = settings.INSTALLATION
    keystore = Keystore(installation.trust, installation.secret("keystore"))
    data = read_exchange(country())
    directory.publish(
        instance=data.instance,
        signer=keystore.signer("directory"),
        at=settings.CLOCK.now(),
        consent_register=data.consent_register,
    )
    directory.write_newest(installation.run / "directory.jws")
