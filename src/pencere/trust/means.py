"""Where the keys of persons lie: in SİMA, on a card, in a phone, in the centre.

Only the first two are recorded here; a phone is a device of its own (`devices`), and a key in
the centre a credential (`remote`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509

from pencere.trust.store import Connection, serial_bytes

Kind = Literal["sima", "card"]

# SQL: the place of the certificate `c`: `phone`, `centre`, `sima`, `card`, or null when the key
# lies elsewhere (with a machine, say).
PLACE = (
    "case when exists (select from trust.device d"
    "  where c.serial in (d.authentication_serial, d.signature_serial)) then 'phone'"
    " when exists (select from trust.remote_credential r where r.serial = c.serial)"
    "  or c.profile in ('seal', 'experimental-seal') then 'centre'"
    " else (select m.kind from trust.means m where m.serial = c.serial) end"
)


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
