"""Sealing and opening addresses."""

from pencere.web.notifications.models import Reach
from pencere.web.people.vault import vault


def address_of(contact: Reach, *, pending: bool = False) -> str | None:
    """Return the address that counts, or the one whose code is awaited."""
    sealed = contact.pending_sealed if pending else contact.address_sealed
    if sealed is None:
        return None
    return vault().open_bytes(bytes(sealed), _row(contact)).decode()


def sealed(address: str, contact: Reach) -> bytes:
    """Return an address as the row of its person keeps it."""
    return vault().seal_bytes(address.encode(), _row(contact))


def _row(contact: Reach) -> bytes:
    return f"{contact._meta.model_name}:{contact.pk}".encode()  # noqa: SLF001 - Django documents _meta
