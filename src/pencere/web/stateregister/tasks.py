"""Jobs of the state register."""

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.trust.keystore import Keystore
from pencere.web.country import country
from pencere.web.stateregister.domain import directory
from pencere.web.stateregister.domain.exchange_data import read_exchange


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="stateregister.publish", queue="stateregister", queueing_lock="stateregister.publish"
)
def publish_directory(timestamp: int) -> None:
    """Sign the directory anew long before it expires, and at once when a right has changed."""
    del timestamp
    installation = settings.INSTALLATION
    keystore = Keystore(installation.trust, installation.secret("keystore"))
    publication = directory.publish(
        instance=read_exchange(country()).instance,
        signer=keystore.signer("directory"),
        at=settings.CLOCK.now(),
    )
    directory.write_directory(publication, installation.run / "directory.jws")
