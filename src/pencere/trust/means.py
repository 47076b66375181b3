"""Where the keys of persons lie: in SİMA, on a card; a phone is a device of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509

from pencere.trust.store import Connection, serial_bytes

Kind = Literal["sima", "card"]


def record(
    connection: Connection, kind: Kind, certificates: Sequence[x509.Certificate], *, at: datetime
) -> None:
    """Note where the keys of certificates lie; done again, it changes nothing."""
    for certificate in certificates:
        connection.execute(
            "insert into trust.means (serial, kind, recorded_at) values (%s, %s, %s)"
            " on conflict (serial) do nothing",
            (serial_bytes(certificate.serial_number), kind, at),
        )


def kinds(connection: Connection, holder: str) -> dict[bytes, str]:
    """Return serial number and kind of the holder's certificates that are not a phone's."""
    rows = connection.execute(
        "select m.serial, m.kind from trust.means m join trust.certificate c using (serial)"
        " where c.holder = %s and c.state = 'issued'",
        (holder,),
    ).fetchall()
    return {bytes(serial): kind for serial, kind in rows}
