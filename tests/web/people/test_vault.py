"""Personal numbers at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.errors import Misconfigured
from pencere.kernel.identifiers import Fin
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity, Vault

AYDAN = Identity(Fin("5KQ2R7A"), "Aydan", "Quliyeva")


@given(st.text(max_size=50), st.text(max_size=50))
def test_what_is_sealed_opens_again(given_name: str, surname: str) -> None:
    vault = Vault("a secret")
    identity = Identity(Fin("5KQ2R7A"), given_name, surname)

    assert vault.open(vault.seal(identity), vault.digest_of(identity.fin)) == identity


def test_the_same_identity_is_never_sealed_alike() -> None:
    vault = Vault("a secret")

    assert vault.seal(AYDAN) != vault.seal(AYDAN)


@pytest.mark.parametrize("fault", ["another key", "another row", "altered", "cut"])
def test_what_was_sealed_for_something_else_does_not_open(fault: str) -> None:
    vault = Vault("a secret")
    row = vault.digest_of(AYDAN.fin)
    sealed = vault.seal(AYDAN)
    if fault == "another key":
        vault = Vault("another secret")
    elif fault == "another row":
        row = vault.digest_of(Fin("4LEYL82"))
    elif fault == "altered":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    else:
        sealed = sealed[:20]

    with pytest.raises(Misconfigured):
        vault.open(sealed, row)


def test_the_finding_key_and_the_sealing_key_differ_by_secret() -> None:
    assert Vault("one").digest_of(AYDAN.fin) != Vault("two").digest_of(AYDAN.fin)


@pytest.mark.django_db
def test_a_row_of_the_database_shows_neither_number_nor_name_nor_phone(person: Person) -> None:
    row = Person.objects.filter(pk=person.pk).values().get()

    seen = b"".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for value in row.values()
    )

    assert [
        word for word in (b"5KQ2R7A", b"Aydan", b"Quliyeva", b"501234567") if word in seen
    ] == []
    assert (person.fin, person.name, person.phone) == ("5KQ2R7A", "Aydan Quliyeva", "+994501234567")
