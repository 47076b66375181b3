"""Lists of every kind: hold and release, deltas, parts; judged by openssl and pkilint."""

import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import loader, pkix, validation
from pkilint.pkix import crl as crl_lint
from pkilint.pkix import extension, name
from tests.trust.conftest import BASE_URL, NOW, Enrolee, Founded, openssl, write_pem

from pencere.ops.migrations import pending
from pencere.trust import crl, store
from pencere.trust.partitions import address, list_name, shard_of

PERSON = "issuing-person"


def lists_of(founded: Founded) -> crl.Lists:
    return crl.Lists(PERSON, founded.centre.keystore.signer(PERSON), base_url=BASE_URL)


def renewed(founded: Founded, lists: crl.Lists) -> list[str]:
    with founded.connect() as connection:
        return crl.renew(connection, lists, founded.centre.pki, at=founded.clock.now())


def published(founded: Founded, listed: str) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((founded.centre.pki / f"{listed}.crl").read_bytes())


def act(founded: Founded, certificate: x509.Certificate, what: str, reason: int | None) -> None:
    with founded.connect() as connection:
        connection.execute(
            "insert into trust.status_event (serial, act, at, reason) values (%s, %s, %s, %s)",
            (store.serial_bytes(certificate.serial_number), what, founded.clock.now(), reason),
        )


def entries(listed: x509.CertificateRevocationList) -> dict[int, str]:
    found = {}
    for entry in listed:
        reasons = [one.value.reason.name for one in entry.extensions]
        found[entry.serial_number] = reasons[0] if reasons else "unspecified"
    return found


def number(listed: x509.CertificateRevocationList) -> int:
    return listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def shard_list(certificate: x509.Certificate) -> str:
    return list_name(PERSON, shard_of(PERSON, certificate.serial_number))


def test_a_certificate_on_hold_comes_off_the_list_when_it_is_released(
    founded: Founded, aydan: Enrolee
) -> None:
    lists, serial = lists_of(founded), aydan.signature.serial_number
    names = [PERSON, shard_list(aydan.signature), f"{PERSON}-delta"]
    renewed(founded, lists)
    seen = []
    for what, reason in (("held", 6), ("released", None), ("held", 6), ("revoked", 1)):
        founded.clock.advance(timedelta(minutes=1))
        act(founded, aydan.signature, what, reason)
        made = renewed(founded, lists)
        assert set(made) == set(names)
        seen.append([entries(published(founded, one)).get(serial) for one in names])

    assert seen == [
        ["certificate_hold", "certificate_hold", "certificate_hold"],
        [None, None, "remove_from_crl"],
        ["certificate_hold", "certificate_hold", "certificate_hold"],
        ["key_compromise", "key_compromise", "key_compromise"],
    ]


def test_a_revocation_after_a_hold_counts_from_the_hold(founded: Founded, aydan: Enrolee) -> None:
    act(founded, aydan.signature, "held", 6)
    founded.clock.advance(timedelta(days=2))
    act(founded, aydan.signature, "revoked", 1)

    with founded.connect() as connection:
        status = store.status(connection, PERSON, aydan.signature.serial_number)

    assert (status.revoked_at, status.reason, status.is_held) == (NOW, 1, False)


@pytest.mark.parametrize(
    ("history", "next_one", "error"),
    [
        ([("revoked", 1)], ("held", 6), psycopg.errors.UniqueViolation),
        ([("revoked", 1)], ("revoked", 4), psycopg.errors.UniqueViolation),
        ([("held", 6)], ("held", 6), psycopg.errors.UniqueViolation),
        ([], ("released", None), psycopg.errors.CheckViolation),
        ([], ("held", 1), psycopg.errors.CheckViolation),
        ([], ("revoked", 6), psycopg.errors.CheckViolation),
    ],
)
def test_the_history_of_a_certificate_makes_sense(
    founded: Founded, aydan: Enrolee, history: list, next_one: tuple, error: type[Exception]
) -> None:
    for one in history:
        act(founded, aydan.signature, *one)

    with pytest.raises(error):
        act(founded, aydan.signature, *next_one)


def test_a_delta_names_its_base_and_bears_the_number_of_the_full_list(
    founded: Founded, aydan: Enrolee
) -> None:
    lists = lists_of(founded)
    renewed(founded, lists)
    base = number(published(founded, PERSON))
    act(founded, aydan.signature, "revoked", 1)
    made = renewed(founded, lists)

    full, delta = published(founded, PERSON), published(founded, f"{PERSON}-delta")
    indicator = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    freshest = full.extensions.get_extension_for_class(x509.FreshestCRL).value[0].full_name[0]
    assert (
        sorted(made),
        number(full) == number(delta) > base >= indicator.value.crl_number,
        indicator.critical,
        freshest.value,
        entries(delta),
    ) == (
        sorted([PERSON, f"{PERSON}-delta", shard_list(aydan.signature)]),
        True,
        True,
        f"{BASE_URL}/crl/{PERSON}-delta.crl",
        {aydan.signature.serial_number: "key_compromise"},
    )


def test_a_part_is_where_the_certificate_points(founded: Founded, aydan: Enrolee) -> None:
    act(founded, aydan.signature, "revoked", 4)
    renewed(founded, lists_of(founded))

    points = aydan.signature.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    pointer = points.value[0].full_name[0].value
    part = published(founded, shard_list(aydan.signature))
    says = part.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    shard = shard_of(PERSON, aydan.signature.serial_number)
    assert (pointer, says.value.full_name[0].value, says.critical, entries(part)) == (
        address(BASE_URL, PERSON, shard),
        pointer,
        True,
        {aydan.signature.serial_number: "superseded"},
    )


def test_openssl_follows_delta_lists(founded: Founded, aydan: Enrolee, tmp_path: Path) -> None:
    lists = lists_of(founded)
    renewed(founded, lists)
    base = (founded.centre.pki / f"{PERSON}.crl").read_bytes()
    act(founded, aydan.signature, "held", 6)
    renewed(founded, lists)
    held = (founded.centre.pki / f"{PERSON}-delta.crl").read_bytes()
    base_held = (founded.centre.pki / f"{PERSON}.crl").read_bytes()
    act(founded, aydan.signature, "released", None)
    renewed(founded, lists)
    released = (founded.centre.pki / f"{PERSON}-delta.crl").read_bytes()
    root = (founded.centre.pki / "root.crl").read_bytes()

    def verified(*lists: bytes) -> bool:
        path = tmp_path / "lists.pem"
        path.write_bytes(
            b"".join(
                x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in (*lists, root)
            )
        )
        said = subprocess.run(
            [
                *("openssl", "verify", "-x509_strict", "-crl_check_all", "-use_deltas"),
                *("-extended_crl", "-CRLfile", str(path)),
                *("-attime", str(int(NOW.timestamp()))),
                *("-CAfile", write_pem(tmp_path / "root.pem", founded.root)),
                *("-untrusted", write_pem(tmp_path / "i.pem", founded.certificate(PERSON))),
                write_pem(tmp_path / "leaf.pem", aydan.signature),
            ],
            capture_output=True,
            check=False,
        )
        assert said.returncode == 0 or b"certificate revoked" in said.stderr
        return said.returncode == 0

    assert (verified(base), verified(base, held), verified(base_held, released)) == (
        True,
        False,
        True,
    )


def test_openssl_finds_a_revoked_certificate_on_its_part(
    founded: Founded, aydan: Enrolee, tmp_path: Path
) -> None:
    act(founded, aydan.signature, "revoked", 1)
    renewed(founded, lists_of(founded))
    part = (founded.centre.pki / f"{shard_list(aydan.signature)}.crl").read_bytes()
    root = (founded.centre.pki / "root.crl").read_bytes()
    path = tmp_path / "lists.pem"
    path.write_bytes(
        b"".join(x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in (part, root))
    )

    with pytest.raises(AssertionError, match="certificate revoked"):
        openssl(
            *("verify", "-x509_strict", "-crl_check_all", "-extended_crl"),
            *("-CRLfile", str(path), "-attime", str(int(NOW.timestamp()))),
            *("-CAfile", write_pem(tmp_path / "root.pem", founded.root)),
            *("-untrusted", write_pem(tmp_path / "i.pem", founded.certificate(PERSON))),
            write_pem(tmp_path / "leaf.pem", aydan.signature),
        )


def findings(encoded: bytes) -> list[str]:
    container = crl_lint.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl_lint.create_issuer_validator_container([]),
            crl_lint.create_validity_validator_container([]),
            crl_lint.create_extensions_validator_container([]),
        ],
    )
    results = container.validate(loader.load_der_crl(encoded, "list").root)
    notice = validation.ValidationFindingSeverity.NOTICE
    return [
        one.finding.code
        for result in results
        for one in result.finding_descriptions
        if one.finding.severity <= notice
    ]


def test_lists_of_every_kind_pass_the_linter(founded: Founded, aydan: Enrolee) -> None:
    lists = lists_of(founded)
    renewed(founded, lists)
    act(founded, aydan.signature, "held", 6)
    with founded.connect() as connection:
        connection.execute(
            "insert into trust.status_event (serial, act, at, reason, invalid_since)"
            " values (%s, 'revoked', %s, 1, %s)",
            (
                store.serial_bytes(aydan.authentication.serial_number),
                NOW,
                NOW - timedelta(days=3),
            ),
        )
    made = set(renewed(founded, lists))
    act(founded, aydan.signature, "released", None)
    made.update(renewed(founded, lists))
    made.add(list_name(PERSON, shard_of(PERSON, aydan.signature.serial_number + 1)))

    found = {one: findings((founded.centre.pki / f"{one}.crl").read_bytes()) for one in made}

    assert found == {one: [] for one in made}


def test_two_publishers_never_give_one_number_twice(founded: Founded, aydan: Enrolee) -> None:
    both = [lists_of(founded), lists_of(founded)]
    for what, reason in (("held", 6), ("released", None), ("revoked", 1)):
        act(founded, aydan.signature, what, reason)
        threads = [threading.Thread(target=renewed, args=(founded, one)) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with founded.connect() as connection:
        numbers = [
            row[0]
            for row in connection.execute(
                "select number from trust.crl where issuer = %s and scope = 'full' order by 1",
                (PERSON,),
            )
        ]
        newest = crl.in_force(connection, PERSON)[0]
    file = (founded.centre.pki / f"{PERSON}.crl").read_bytes()
    assert (len(numbers), len(set(numbers)), newest == file) == (4, 4, True)


def test_a_publisher_that_slept_gives_what_happened_meanwhile(
    founded: Founded, aydan: Enrolee
) -> None:
    slept, awake = lists_of(founded), lists_of(founded)
    renewed(founded, slept)
    act(founded, aydan.signature, "revoked", 1)
    renewed(founded, awake)
    act(founded, aydan.authentication, "revoked", 1)
    renewed(founded, slept)

    assert set(entries(published(founded, PERSON))) == {
        aydan.signature.serial_number,
        aydan.authentication.serial_number,
    }


def test_an_entry_stays_on_one_list_after_the_certificate_has_ended(
    founded: Founded, aydan: Enrolee
) -> None:
    act(founded, aydan.signature, "revoked", 1)
    lists = lists_of(founded)
    renewed(founded, lists)
    founded.clock.advance(aydan.signature.not_valid_after_utc - NOW + timedelta(hours=1))
    renewed(founded, lists)
    once_more = set(entries(published(founded, PERSON)))
    founded.clock.advance(crl.LIFETIME / 2)
    renewed(founded, lists)

    assert (once_more, set(entries(published(founded, PERSON)))) == (
        {aydan.signature.serial_number},
        set(),
    )


def test_ten_thousand_entries_are_a_list_in_milliseconds(founded: Founded) -> None:
    lists = lists_of(founded)
    with founded.connect() as connection:
        connection.execute(
            "insert into trust.certificate (serial, issuer, profile, holder, tbs, state, encoded,"
            " sha256, not_before, not_after, reserved_at, issued_at)"
            " select substring('\\x40'::bytea || sha256(n::text::bytea) from 1 for 16), %s, 'x',"
            " 'x', '', 'issued', '', sha256(n::text::bytea), %s, %s, %s, %s"
            " from generate_series(1, 10000) n",
            (PERSON, NOW, NOW + timedelta(days=700), NOW, NOW),
        )
        connection.execute(
            "insert into trust.status_event (serial, act, at, reason)"
            " select serial, 'revoked', %s, 4 from trust.certificate where profile = 'x'",
            (NOW,),
        )
    with founded.connect() as connection:
        lists._book.update(connection)
        began = time.process_time()
        body = lists._book.entries("full")
        encoded = crl.make(
            lists._signer,
            body,
            this_update=NOW,
            next_update=NOW + crl.LIFETIME,
            extensions=[],
        )
        took_ms = (time.process_time() - began) * 1000

    assert len(x509.load_der_x509_crl(encoded)) == 10_000
    assert took_ms < 10


def test_the_history_takes_over_the_revocations_of_before(make_database: object) -> None:
    """A database in use: revoked by the first version of the tables, read by this one."""
    database = make_database("trust")
    with psycopg.connect(database.owner) as connection:
        assert [one.number for one in pending(connection, "pencere.trust")] == []
    # The statements of 0003 run on rows as 0001 made them.
    text = Path(crl.__file__).with_name("sql").joinpath("0003_status.sql").read_text()
    first = text.partition("create index on trust.status_event (serial, number desc)")[0]
    with psycopg.connect(database.owner) as connection:
        connection.execute("create schema old")
        connection.execute(
            "create table old.revocation (serial bytea primary key, revoked_at timestamptz not"
            " null, reason smallint not null constraint revocation_reason_check check (reason in"
            " (0, 1, 2, 3, 4, 5, 9)), recorded_at timestamptz not null default now())"
        )
        connection.execute(
            "insert into old.revocation values ('\\x4000000000000001', %s, 4, %s)", (NOW, NOW)
        )
        connection.execute(first.replace("trust.", "old."))
        rows = connection.execute("select act, at, since, reason from old.status_event").fetchall()

    assert rows == [("revoked", NOW, NOW, 4)]
