"""The operator's mail server answers."""

from collections.abc import Iterator

from pencere.kernel.errors import PencereError
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.web.notifications.domain.smtp import SERVER, mailer

NAME = "mail"


def check_mail(installation: Installation) -> Iterator[Check]:
    """Say openly when no mail is sent; else whether the server answers and takes us."""
    try:
        server = mailer(installation.secrets)
        if server is None:
            yield Check(NAME, True, f"NOT sent: {SERVER} names no server")
            return
        server.ping()
    except PencereError as reason:
        yield Check(NAME, False, str(reason))
    else:
        yield Check(NAME, True, f"{server.host}:{server.port} answers")
