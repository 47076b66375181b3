"""A person's keys outside a phone: SİMA, a card. They live beside the phone's."""

from cryptography import x509
from tests.trust.conftest import AYDAN, Enrolee, Founded, TestPhone, csr

from pencere.trust import means, store


def unrevoked(founded: Founded, profile: str) -> int:
    with founded.connect() as connection:
        return len(store.unrevoked(connection, profile, f"PNOAZ-{AYDAN.fin}"))


def test_keys_of_an_application_leave_the_phone_in_force(founded: Founded, aydan: Enrolee) -> None:
    keys = TestPhone.make()
    requests = (csr(keys.authentication), csr(keys.signature))

    certified = founded.centre.certify_person(AYDAN, *requests, "sima")
    again = founded.centre.certify_person(AYDAN, *requests, "sima")
    phone_again = founded.centre.issue_person(AYDAN, aydan.phone.enrolment())

    assert again == certified
    assert phone_again == aydan.enrolled
    assert unrevoked(founded, "person-authentication") == 2
    assert unrevoked(founded, "person-signature") == 2
    subject = x509.load_der_x509_certificate(certified.authentication).subject
    assert subject == aydan.authentication.subject


def test_a_new_phone_supersedes_the_phone_and_nothing_else(
    founded: Founded, aydan: Enrolee
) -> None:
    keys = TestPhone.make()
    founded.centre.certify_person(AYDAN, csr(keys.authentication), csr(keys.signature), "card")

    founded.centre.issue_person(AYDAN, TestPhone.make().enrolment())

    with founded.connect() as connection:
        states = {
            one.serial: one.revoked_at is not None
            for one in store.held_by(connection, f"PNOAZ-{AYDAN.fin}")
        }
    assert sorted(states.values()) == [False] * 4 + [True] * 2
    assert states[store.serial_bytes(aydan.authentication.serial_number)]
    assert states[store.serial_bytes(aydan.signature.serial_number)]


def test_it_is_known_where_a_key_lies(founded: Founded, aydan: Enrolee) -> None:
    keys = TestPhone.make()
    certified = founded.centre.certify_person(
        AYDAN, csr(keys.authentication), csr(keys.signature), "card"
    )
    serials = [
        store.serial_bytes(x509.load_der_x509_certificate(one).serial_number)
        for one in (certified.authentication, certified.signature)
    ]

    with founded.connect() as connection:
        found = means.kinds(connection, f"PNOAZ-{AYDAN.fin}")

    assert found == dict.fromkeys(serials, "card")
