"""The certificates of every profile, as the linter and openssl see them."""

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.trust.conftest import (
    AYDAN,
    NOW,
    Enrolee,
    Founded,
    TestPhone,
    centre_at,
    csr,
    openssl,
    write_pem,
)

from pencere.kernel.errors import Conflict, Invalid, Misconfigured, Refused
from pencere.trust import reservations, store
from pencere.trust.ceremony import Person
from pencere.trust.contents import Holder
from pencere.trust.founding.demonstration import national_plan
from pencere.trust.keystore import Keystore
from pencere.trust.profile import ISSUING

SIGNING = [one["key"] for one in national_plan()["certificates"]]


def test_every_certificate_of_the_ceremony_is_verified_by_openssl(founded: Founded) -> None:
    root = write_pem(founded.folder / "root.pem", founded.root)
    issuing = write_pem(
        founded.folder / "issuing.pem", *(founded.certificate(name) for name in ISSUING)
    )

    for name in SIGNING:
        leaf = write_pem(founded.folder / "leaf.pem", founded.certificate(name))
        openssl(
            *("verify", "-x509_strict", "-attime", str(int(NOW.timestamp()))),
            *("-CAfile", root, "-untrusted", issuing, leaf),
        )


@pytest.mark.parametrize(
    ("name", "purpose"), [("tsa", "timestampsign"), ("ocsp-issuing-person", "ocsphelper")]
)
def test_openssl_accepts_the_special_purposes(founded: Founded, name: str, purpose: str) -> None:
    root = write_pem(founded.folder / "root.pem", founded.root)
    issuing = write_pem(
        founded.folder / "issuing.pem", *(founded.certificate(one) for one in ISSUING)
    )
    leaf = write_pem(founded.folder / "leaf.pem", founded.certificate(name))

    openssl(
        *("verify", "-x509_strict", "-purpose", purpose, "-attime", str(int(NOW.timestamp()))),
        *("-CAfile", root, "-untrusted", issuing, leaf),
    )


def test_a_person_carries_the_personal_number_as_national_identifier(aydan: Enrolee) -> None:
    subject = {
        attribute.rfc4514_attribute_name: attribute.value for attribute in aydan.signature.subject
    }

    assert subject == {
        "C": "AZ",
        "2.5.4.4": "Quliyeva",
        "2.5.4.42": "Aydan",
        "2.5.4.5": "PNOAZ-1ABCDE2",
        "CN": "Quliyeva Aydan",
    }


def test_founding_again_changes_nothing(founded: Founded) -> None:
    before = {name: founded.certificate(name).serial_number for name in SIGNING}

    founded.centre.found()

    assert {name: founded.certificate(name).serial_number for name in SIGNING} == before


def test_a_responder_that_ends_soon_is_renewed_with_its_key(founded: Founded) -> None:
    old = founded.certificate("ocsp-root")
    founded.clock.advance(old.not_valid_after_utc - NOW)

    founded.centre.found()

    new = founded.certificate("ocsp-root")
    assert (new.serial_number != old.serial_number, new.public_key() == old.public_key()) == (
        True,
        True,
    )


def test_the_keystore_of_another_installation_is_refused(founded: Founded, make_database) -> None:
    other = make_database("trust").app
    centre = founded.centre
    stranger = type(centre)(
        type(centre.issuance)(
            other, centre.issuance.authority, "http://127.0.0.1", founded.clock, b"k" * 32
        ),
        centre.keystore,
        centre.pki,
        centre.root,
        centre.approvers,
    )

    with pytest.raises(Misconfigured, match="not in this database"):
        stranger.found()


def test_the_same_phone_is_given_the_same_certificates(founded: Founded, aydan: Enrolee) -> None:
    again = founded.centre.issue_person(aydan.person, aydan.phone.enrolment())

    assert again == aydan.enrolled


def test_a_new_phone_revokes_the_certificates_of_the_old(founded: Founded, aydan: Enrolee) -> None:
    founded.centre.issue_person(aydan.person, TestPhone.make().enrolment())

    with founded.connect() as connection:
        states = [
            store.status(connection, "issuing-person", one.serial_number).reason
            for one in (aydan.authentication, aydan.signature)
        ]
    assert states == [store.Reason.SUPERSEDED, store.Reason.SUPERSEDED]


def test_a_node_certificate_binds_body_name_and_addresses(founded: Founded) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    chain = founded.centre.issue_node_certificate(
        csr(key),
        body="idda",
        organization="İnnovasiya və Rəqəmsal İnkişaf Agentliyi",
        name="node.portal",
        addresses=("127.0.0.1", "node-portal.idda.gov.az"),
    )

    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    root = write_pem(founded.folder / "root.pem", founded.root)
    issuing = write_pem(founded.folder / "issuing.pem", chain[1])
    leaf = write_pem(founded.folder / "leaf.pem", chain[0])
    openssl(
        *("verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "127.0.0.1"),
        *("-attime", str(int(NOW.timestamp())), "-CAfile", root, "-untrusted", issuing, leaf),
    )
    assert [str(name.value) for name in names] == ["127.0.0.1", "node-portal.idda.gov.az"]


def test_a_request_whose_owner_does_not_hold_the_key_is_refused(founded: Founded) -> None:
    forged = bytearray(csr(ec.generate_private_key(ec.SECP256R1())))
    forged[-1] ^= 1

    with pytest.raises(Invalid, match=r"certificate\.request"):
        founded.centre.issue_node_certificate(
            bytes(forged), body="x", organization="X", name="n", addresses=("127.0.0.1",)
        )


@pytest.mark.parametrize("given", [b"", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"x" * 5000])
def test_hostile_requests_are_refused(founded: Founded, given: bytes) -> None:
    with pytest.raises(Invalid, match=r"certificate\.request"):
        founded.centre.issue_node_certificate(
            given, body="x", organization="X", name="n", addresses=("127.0.0.1",)
        )


def test_a_name_that_breaks_a_rule_is_not_signed_and_its_serial_is_settled(
    founded: Founded,
) -> None:
    phone = TestPhone.make()

    with pytest.raises(Refused, match=r"certificate\.lint"):
        founded.centre.issue_person(
            Person("", "Quliyeva", "Aydan", "+994501234567"),
            phone.enrolment(),
        )

    with founded.connect() as connection:
        rows = connection.execute(
            "select state, encoded from trust.certificate where holder = 'PNOAZ-'"
        ).fetchall()
    assert rows == [("refused", None)]


def test_each_certificate_leaves_a_leaf_without_a_personal_number(
    founded: Founded, aydan: Enrolee
) -> None:
    with founded.connect() as connection:
        rows = connection.execute("select kind, entry from ledger.pending order by id").fetchall()

    kinds = [kind for kind, _ in rows]
    assert (kinds.count("certificate"), any(b"1ABCDE2" in entry for _, entry in rows)) == (
        len(SIGNING) + 2,
        False,
    )


def test_addresses_without_a_public_name_pass_only_on_one_machine(founded: Founded) -> None:
    inside = centre_at(founded.conninfo, founded.folder, founded.clock, "http://10.0.0.7:8090")

    with pytest.raises(Refused, match=r"etsi\.internal_domain_name"):
        inside.issue_person(AYDAN, TestPhone.make().enrolment())


def test_a_certificate_is_revoked_once(founded: Founded, aydan: Enrolee) -> None:
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)

    with pytest.raises(Conflict, match="revoked_already"):
        founded.centre.issuance.revoke(aydan.signature, store.Reason.SUPERSEDED)


@pytest.mark.parametrize(
    "statement",
    [
        "update trust.revocation set reason = 0",
        "delete from trust.revocation",
        "delete from trust.certificate",
        "update trust.certificate set state = 'refused'",
        "update trust.certificate set tbs = ''",
    ],
)
def test_what_is_recorded_stays(founded: Founded, aydan: Enrolee, statement: str) -> None:
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)

    with founded.connect() as connection, pytest.raises(psycopg.Error):
        connection.execute(statement)


class StoppedError(Exception):
    """Stands for kill -9."""


class StoppingSigner:
    """Signs like the real one and is killed before it can say so."""

    def __init__(self, signer: object) -> None:
        self._signer = signer

    def __getattr__(self, name: str) -> object:
        return getattr(self._signer, name)

    def sign(self, data: bytes) -> bytes:
        self._signer.sign(data)
        raise StoppedError


def test_a_stop_during_the_signature_leaves_a_serial_that_is_revoked_and_never_used(
    founded: Founded,
) -> None:
    centre = founded.centre
    signer = StoppingSigner(centre.keystore.signer("issuing-infrastructure"))
    subject = centre._legal_subject("x", "X", "n")
    holder = Holder(subject, ec.generate_private_key(ec.SECP256R1()).public_key(), ("127.0.0.1",))

    with pytest.raises(StoppedError):
        centre.issuance.issue(
            "tls-node", holder, issuer_name="issuing-infrastructure", signer=signer
        )

    with founded.connect() as connection:
        condemned = reservations.condemn(
            connection, before=NOW.replace(hour=10), at=NOW.replace(hour=10)
        )
        status = store.status(
            connection, "issuing-infrastructure", int.from_bytes(condemned[0], "big")
        )
    assert (len(condemned), status.state, status.revoked_at) == (
        1,
        "reserved",
        NOW.replace(hour=10),
    )


def test_keys_lie_encrypted_and_closed_to_others(founded: Founded) -> None:
    for path in (founded.folder / "keys").glob("*.key"):
        assert (path.stat().st_mode & 0o777, b"ENCRYPTED PRIVATE KEY" in path.read_bytes()) == (
            0o600,
            True,
        )


def test_a_wrong_passphrase_names_file_and_key(founded: Founded) -> None:
    with pytest.raises(Misconfigured, match=r"tsa\.key: passphrase"):
        Keystore(founded.folder / "keys", "another").signer("tsa")


def test_a_key_is_never_written_over(founded: Founded) -> None:
    with pytest.raises(Conflict, match="key_exists"):
        founded.centre.keystore.create("tsa")
