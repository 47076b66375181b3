"""Sealing and opening addresses."""

from pencere.kernel.identifiers import Email
from pencere.web.notifications.models import Contact
from pencere.web.people.vault import vault


def address_of(contact: Contact, *, pending: bool = False) -> Email | None:
    """Return the address that counts, or the one whose code is awaited."""
    sealed = contact.pending_sealed if pending else contact.address_sealed
    if sealed is None:
        return None
    return Email(vault().open_bytes(bytes(sealed), _row(contact)).decode())


def sealed(address: Email, contact: Contact) -> bytes:
    """Return an address as the row of its person keeps it."""
    return vault().seal_bytes(address.encode(), _row(contact))


def _row(contact: Contact) -> bytes:
    return f"contact:{contact.pk}".encode()
