"""Remote keys when something is away, or was tampered with: refusal, and no key use."""

import dataclasses
import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.trust.conftest import NOW, Founded

from pencere.kernel.errors import Invalid, Misconfigured, PencereError, Refused, Unavailable
from pencere.trust.contents import Holder
from pencere.trust.remote import activation, documents, enrolment, vault
from pencere.trust.remote.activation import Activations, Grant, Target
from pencere.trust.remote.wrapping import WrappingKey, seal, unseal
from pencere.trust.signers import SoftwareSigner

PIN = "270519"


@pytest.fixture(scope="module")
def wrapping() -> WrappingKey:
    return WrappingKey(SoftwareSigner(rsa.generate_private_key(65537, 3072), ()))


@pytest.fixture
def connection(founded: Founded) -> Iterator[psycopg.Connection]:
    with founded.connect() as connection:
        yield connection


@pytest.fixture
def credential(connection: psycopg.Connection, wrapping: WrappingKey, founded: Founded) -> str:
    made, _, _ = vault.create(
        connection, wrapping, holder="PNOAZ-1ABCDE2", algorithm="P-256", pin=PIN, at=NOW
    )
    serial = founded.certificate("tsa").serial_number.to_bytes(16, "big")
    vault.certify(connection, made, serial)
    connection.commit()
    return made


class Away:
    """A hardware module that does not answer."""

    def __init__(self, signer: SoftwareSigner) -> None:
        self._signer = signer

    @property
    def public_key(self) -> object:
        return self._signer.public_key

    def sign(self, data: bytes) -> bytes:
        raise Unavailable("token.away")


def code_of(error: pytest.ExceptionInfo[PencereError]) -> str:
    return error.value.code


def test_with_the_key_device_away_no_key_opens(
    connection: psycopg.Connection, wrapping: WrappingKey, credential: str
) -> None:
    away = WrappingKey(Away(wrapping.signer))

    with pytest.raises(Unavailable) as refused:
        vault.open_with_pin(connection, away, credential, PIN)

    assert code_of(refused) == "token.away"
    assert len(vault.open_with_pin(connection, wrapping, credential, PIN)) == 32


def test_a_wrapping_key_must_sign_the_same_way_each_time() -> None:
    with pytest.raises(Misconfigured):
        WrappingKey(SoftwareSigner(ec.generate_private_key(ec.SECP256R1()), ()))


def test_a_credential_without_a_certificate_opens_for_nothing(
    connection: psycopg.Connection, wrapping: WrappingKey, founded: Founded
) -> None:
    """What a stop between key and certificate leaves."""
    made, puk, _ = vault.create(
        connection, wrapping, holder="PNOAZ-1ABCDE2", algorithm="P-256", pin=PIN, at=NOW
    )
    connection.commit()

    with pytest.raises(Refused) as by_pin:
        vault.open_with_pin(connection, wrapping, made, PIN)
    with pytest.raises(Refused) as by_puk:
        vault.set_pin(connection, wrapping, made, puk=puk, pin="314159", at=NOW)

    assert (code_of(by_pin), code_of(by_puk)) == ("remote.pin_blocked", "remote.puk_blocked")


def test_the_database_lets_no_key_be_exchanged_or_taken_up_again(
    connection: psycopg.Connection, credential: str
) -> None:
    changes = (
        "update trust.remote_credential set sealed_key = 'x' where id = %s",
        "update trust.remote_credential set serial = null where id = %s",
        "delete from trust.remote_credential where id = %s",
        "update trust.remote_credential set holder = 'PNOAZ-2ABCDE3' where id = %s",
    )
    refused = []
    for change in changes:
        try:
            connection.execute(change, (credential,))
        except psycopg.Error as error:
            refused.append(type(error).__name__)
        connection.rollback()
    vault.destroy(connection, credential, at=NOW)
    connection.commit()
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute(
            "update trust.remote_credential set pin_tries_left = 3 where id = %s", (credential,)
        )

    assert refused == [
        "RaiseException",
        "RaiseException",
        "InsufficientPrivilege",
        "InsufficientPrivilege",
    ]


def test_a_destroyed_key_opens_with_nothing(
    connection: psycopg.Connection, wrapping: WrappingKey, credential: str
) -> None:
    own = vault.open_with_pin(connection, wrapping, credential, PIN)
    vault.destroy(connection, credential, at=NOW)

    with pytest.raises(Refused) as opened:
        vault.private_key(connection, credential, own)
    with pytest.raises(Refused) as by_pin:
        vault.open_with_pin(connection, wrapping, credential, PIN)

    assert (code_of(opened), code_of(by_pin)) == ("remote.closed", "remote.pin_blocked")


def test_activation_ends_on_its_second_and_the_clock_may_go_back(
    connection: psycopg.Connection, wrapping: WrappingKey, credential: str
) -> None:
    target = Target(credential, (b"\1" * 32,))
    own = vault.open_with_pin(connection, wrapping, credential, PIN)
    now = Activations(connection, wrapping, NOW)
    first, seconds = now.issue(target, Grant("desk.test", own))
    second, _ = now.issue(target, Grant("desk.test", own))
    third, _ = now.issue(target, Grant("desk.test", own))
    late = dataclasses.replace(now, at=NOW + timedelta(seconds=seconds))
    before = dataclasses.replace(now, at=NOW + timedelta(seconds=seconds - 1))
    earlier = dataclasses.replace(now, at=NOW - timedelta(days=1))

    with pytest.raises(Refused) as over:
        late.use(first, target)

    assert (seconds, code_of(over)) == (300, "credential.activation")
    assert before.use(second, target).own == own
    assert earlier.use(third, target).own == own
    with pytest.raises(Refused):
        earlier.use(third, target)


def test_extensions_end_a_quarter_of_an_hour_after_the_first(
    connection: psycopg.Connection, wrapping: WrappingKey, credential: str
) -> None:
    target = Target(credential, (b"\1" * 32,))
    own = vault.open_with_pin(connection, wrapping, credential, PIN)
    data, _ = Activations(connection, wrapping, NOW).issue(target, Grant("desk.test", own))
    lasted = []
    for minutes in (4, 8, 12, 14):
        at = NOW + timedelta(minutes=minutes)
        data, seconds = Activations(connection, wrapping, at).extend(data, credential, None)
        lasted.append(seconds)

    assert lasted == [300, 300, 180, 60]
    with pytest.raises(Refused):
        Activations(connection, wrapping, NOW + timedelta(minutes=15)).extend(
            data, credential, None
        )


def test_what_expired_is_forgotten_and_what_it_opened_at_once(
    connection: psycopg.Connection, wrapping: WrappingKey, credential: str
) -> None:
    target = Target(credential, (b"\1" * 32,))
    own = vault.open_with_pin(connection, wrapping, credential, PIN)
    Activations(connection, wrapping, NOW).issue(target, Grant("desk.test", own))

    def kept() -> tuple[int, int]:
        row = connection.execute("select count(*), count(sealed) from trust.activation").fetchone()
        assert row is not None
        return row

    counts = [kept()]
    for later in (timedelta(minutes=6), timedelta(days=2)):
        activation.forget_expired(connection, at=NOW + later)
        counts.append(kept())

    assert counts == [(1, 1), (1, 0), (0, 0)]


def test_a_seal_opens_for_its_own_bytes_alone() -> None:
    key, sealed = b"k" * 32, seal(b"k" * 32, b"content", b"about")
    spoilt = bytes([sealed[0] ^ 1]) + sealed[1:]

    assert unseal(key, sealed, b"about") == b"content"
    for case in ((b"l" * 32, sealed, b"about"), (key, sealed, b"other"), (key, spoilt, b"about")):
        with pytest.raises(Refused):
            unseal(*case)


def test_what_is_derived_depends_on_every_part(wrapping: WrappingKey) -> None:
    found = {
        wrapping.derive(purpose, *parts)
        for purpose in ("pin", "puk")
        for parts in ((b"a", b"b"), (b"ab", b""), (b"", b"ab"), (b"ab",))
    }

    assert (len(found), wrapping.derive("pin", b"a", b"b") in found) == (8, True)


def test_an_enrolment_that_could_not_be_certified_can_be_tried_again(
    connection: psycopg.Connection, wrapping: WrappingKey, founded: Founded
) -> None:
    subject = {"serial_number": "PNOAZ-1ABCDE2", "common_name": "Quliyeva Aydan"}
    act = uuid.uuid4()
    connection.execute(
        "insert into trust.ra_act (id, kind, channel, content, sha256, opened_at, expires_at)"
        " values (%s, 'issue', 'office', '', '', %s, %s)",
        (act, NOW, NOW),
    )
    _, secret = enrolment.begin_by_act(
        connection,
        act=str(act),
        holder="PNOAZ-1ABCDE2",
        subject=subject,
        algorithm="P-256",
        language="az",
        at=NOW,
    )

    def away(profile: str, holder: Holder, act: object) -> x509.Certificate:
        raise Unavailable("token.away")

    with pytest.raises(Unavailable):
        enrolment.finish(connection, wrapping, secret, pin=PIN, issue=away, at=NOW)
    credential, puk = enrolment.finish(
        connection,
        wrapping,
        secret,
        pin=PIN,
        issue=lambda profile, holder, act: founded.certificate("tsa"),
        at=NOW,
    )

    (found,) = vault.of_holder(connection, "PNOAZ-1ABCDE2")
    assert (found.id, len(puk)) == (credential, 10)


@pytest.mark.parametrize(
    "pdf",
    [
        b"",
        b"%PDF-1.7\n",
        b"%PDF-1.7\nstartxref\n-1\n%%EOF",
        b"%PDF-1.7\n1 0 obj<</Prev 9>>endobj\ntrailer<</Root 1 0 R>>startxref\n9\n%%EOF",
        b"%PDF-1.7\n" + b"[" * 5000 + b"\nstartxref\n9\n%%EOF",
    ],
)
def test_a_hostile_pdf_is_refused_and_nothing_else_happens(founded: Founded, pdf: bytes) -> None:
    key = documents.Key(founded.certificate("tsa"), (), "1.2.840.10045.4.3.2", "SHA256", bytes)
    around = documents.Surroundings(bytes, (), NOW)

    with pytest.raises(Invalid) as refused:
        documents.sign_pdf(pdf, documents.Wish("P", "AdES-B-B", "Revision"), key, around)

    assert code_of(refused) == "document.not_pdf"
