"""Statuses in memory and answers signed ahead: never older than the bound, never wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from hypothesis import given, settings
from hypothesis import strategies as st
from pkilint import loader, pkix, report, validation
from pkilint.pkix import extension, name
from pkilint.pkix import ocsp as ocsp_lint
from tests.trust.conftest import NOW, Enrolee, Founded

from pencere.kernel.errors import Invalid
from pencere.trust import der, ocsp, store
from pencere.trust.ocsp import Responder, Responders
from pencere.trust.ocsp_request import RequestReader, parse_request
from pencere.trust.profile import AUTHORITIES
from pencere.trust.server import memory as memory_module
from pencere.trust.server.answers import Answers
from pencere.trust.server.memory import StatusMemory

GOOD, REVOKED = x509_ocsp.OCSPCertStatus.GOOD, x509_ocsp.OCSPCertStatus.REVOKED


def request(
    founded: Founded,
    *certificates: x509.Certificate,
    nonce: bytes | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    builder = x509_ocsp.OCSPRequestBuilder()
    for certificate in certificates:
        builder = builder.add_certificate(
            certificate, founded.certificate("issuing-person"), algorithm or hashes.SHA256()
        )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


@asynccontextmanager
async def answering(founded: Founded) -> AsyncIterator[Answers]:
    keystore = founded.centre.keystore
    memory = StatusMemory(founded.conninfo)
    answers = Answers(
        Responders(
            [
                Responder(one, founded.certificate(one), keystore.signer(f"ocsp-{one}"))
                for one in AUTHORITIES
            ]
        ),
        memory,
        founded.clock,
    )
    tasks = [asyncio.create_task(memory.listen()), asyncio.create_task(answers.keep_signed())]
    try:
        async with asyncio.timeout(5):
            while not memory.is_sure:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield answers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await memory.close()


def status_in(encoded: bytes) -> x509_ocsp.OCSPCertStatus:
    return x509_ocsp.load_der_ocsp_response(encoded).certificate_status


def act(founded: Founded, certificate: x509.Certificate, what: str, reason: int | None) -> None:
    with founded.connect() as connection:
        connection.execute(
            "insert into trust.status_event (serial, act, at, reason) values (%s, %s, %s, %s)",
            (store.serial_bytes(certificate.serial_number), what, founded.clock.now(), reason),
        )


def run(test: Callable[[], Coroutine[None, None, object]]) -> object:
    return asyncio.run(test())


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(memory_module.BOUND_S):
        while not claim():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_the_second_answer_needs_no_database(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            first = answers.now(request(founded, aydan.signature, nonce=b"1" * 16))
            await answers.answer(request(founded, aydan.signature, nonce=b"2" * 16))
            second = answers.now(request(founded, aydan.signature, nonce=b"3" * 16))
            return first, status_in(second)

    assert run(test) == (None, GOOD)


@pytest.mark.parametrize("nonce", [None, b"n" * 32], ids=["signed ahead", "live"])
def test_what_is_revoked_is_revoked_within_the_bound(
    founded: Founded, aydan: Enrolee, nonce: bytes | None
) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            asked = request(founded, aydan.signature, nonce=nonce)
            before = status_in((await answers.answer(asked))[0])
            await asyncio.to_thread(act, founded, aydan.signature, "revoked", 1)
            async with asyncio.timeout(memory_module.BOUND_S):
                while (after := status_in((await answers.answer(asked))[0])) is GOOD:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
            return before, after

    assert run(test) == (GOOD, REVOKED)


def test_a_hold_is_answered_and_its_end_too(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> list:
        async with answering(founded) as answers:
            asked, seen = request(founded, aydan.signature), []
            for what, reason, expected in (("held", 6, REVOKED), ("released", None, GOOD)):
                await answers.answer(asked)
                await asyncio.to_thread(act, founded, aydan.signature, what, reason)
                async with asyncio.timeout(memory_module.BOUND_S):
                    while status_in((await answers.answer(asked))[0]) is not expected:  # noqa: ASYNC110
                        await asyncio.sleep(0.002)
                body, _ = await answers.answer(asked)
                response = x509_ocsp.load_der_ocsp_response(body)
                seen.append((response.certificate_status, response.revocation_reason))
            return seen

    assert run(test) == [(REVOKED, x509.ReasonFlags.certificate_hold), (GOOD, None)]


def test_a_revocation_signs_the_next_answer_at_once(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> x509_ocsp.OCSPCertStatus:
        async with answering(founded) as answers:
            asked = request(founded, aydan.signature)
            await answers.answer(asked)
            await asyncio.to_thread(act, founded, aydan.signature, "revoked", 4)
            # Nobody asks; it is signed ahead all the same.
            await until(
                lambda: (ready := answers.now(asked)) is not None and status_in(ready) is REVOKED
            )
            return status_in(answers.now(asked))

    assert run(test) is REVOKED


def test_without_the_listener_nothing_is_given_from_memory(
    founded: Founded, aydan: Enrolee, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            asked = [request(founded, aydan.signature, nonce=nonce) for nonce in (None, b"x" * 16)]
            for one in asked:
                await answers.answer(one)
            known = [answers.now(one) is not None for one in asked]
            # Killed, and kept from coming back.
            monkeypatch.setattr(answers._memory, "_conninfo", "postgresql://nobody@127.0.0.1:1/x")
            await asyncio.to_thread(kill_listeners, founded)
            await asyncio.to_thread(act, founded, aydan.signature, "revoked", 1)
            await until(lambda: not answers._memory.is_sure)
            monkeypatch.setattr(answers._memory, "_conninfo", founded.conninfo)
            unknown = [answers.now(one) for one in asked]
            after = [status_in((await answers.answer(one))[0]) for one in asked]
            return known, unknown, after

    assert run(test) == ([True, True], [None, None], [REVOKED, REVOKED])


def kill_listeners(founded: Founded) -> None:
    with psycopg.connect(founded.conninfo) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
            " and usename = current_user"
        )


def test_the_listener_comes_back(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> bool:
        async with answering(founded) as answers:
            await asyncio.to_thread(kill_listeners, founded)
            await asyncio.sleep(0.1)
            async with asyncio.timeout(5):
                while not answers._memory.is_sure:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await answers.answer(asked := request(founded, aydan.signature))
            return answers.now(asked) is not None

    assert run(test) is True


def test_an_answer_is_signed_anew_before_it_ends(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            asked = request(founded, aydan.signature)
            await answers.answer(asked)
            _, first = await answers.answer(asked)
            founded.clock.advance(ocsp.PRESIGNED_FOR / 2 + timedelta(seconds=1))
            answers._collect_old()
            await answers._sign_due()
            _, second = await answers.answer(asked)
            return second.made_at - first.made_at, second.next_update - second.made_at

    assert run(test) == (ocsp.PRESIGNED_FOR / 2 + timedelta(seconds=1), ocsp.PRESIGNED_FOR)


def test_what_nobody_asks_for_is_not_signed_again(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> int:
        async with answering(founded) as answers:
            await answers.answer(request(founded, aydan.signature))
            founded.clock.advance(ocsp.PRESIGNED_FOR)
            answers._collect_old()
            return answers.presigned_count

    assert run(test) == 0


def test_never_issued_serials_do_not_fill_the_memory(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            asked = request(founded, aydan.signature)
            serial = store.serial_bytes(aydan.signature.serial_number)
            other = asked.replace(serial, (aydan.signature.serial_number ^ 1).to_bytes(16, "big"))
            body, presigned = await answers.answer(other)
            return status_in(body), presigned, answers.presigned_count

    assert run(test) == (REVOKED, None, 0)


def test_questions_of_one_turn_are_one_statement(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> tuple:
        async with answering(founded) as answers:
            asked: list[set] = []
            read = answers._memory._statuses

            async def counted(keys: set) -> dict:
                asked.append(keys)
                return await read(keys)

            answers._memory._statuses = counted
            found = await asyncio.gather(
                *(
                    answers.answer(request(founded, one, nonce=bytes([n]) * 16))
                    for n, one in enumerate([aydan.signature, aydan.authentication] * 5)
                )
            )
            return len(asked), {status_in(body) for body, _ in found}

    assert run(test) == (1, {GOOD})


def test_several_certificates_are_answered_in_one(founded: Founded, aydan: Enrolee) -> None:
    act(founded, aydan.authentication, "revoked", 1)
    asked = two_of(founded, aydan)

    async def test() -> bytes:
        async with answering(founded) as answers:
            body, presigned = await answers.answer(asked)
            assert presigned is None
            return body

    responses = list(x509_ocsp.load_der_ocsp_response(run(test)).responses)
    assert [(one.serial_number, one.certificate_status) for one in responses] == [
        (aydan.signature.serial_number, GOOD),
        (aydan.authentication.serial_number, REVOKED),
    ]


def two_of(founded: Founded, aydan: Enrolee) -> bytes:
    singles = [
        der.only(request(founded, one), der.SEQUENCE, limit=500)
        .element(der.SEQUENCE)
        .children()
        .element(der.SEQUENCE)
        .content
        for one in (aydan.signature, aydan.authentication)
    ]
    return der.sequence(der.sequence(der.sequence(*singles)))


def findings(encoded: bytes) -> int:
    container = ocsp_lint.create_pkix_ocsp_response_validator_container(
        [
            ocsp_lint.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
    document = loader.load_ocsp_response(encoded, "answer")
    results = container.validate(document.root)
    return report.get_findings_count(results, validation.ValidationFindingSeverity.NOTICE)


def test_answers_of_every_kind_pass_the_linter(founded: Founded, aydan: Enrolee) -> None:
    serial = aydan.signature.serial_number

    async def test() -> dict:
        async with answering(founded) as answers:

            async def ask(asked: bytes) -> int:
                return findings((await answers.answer(asked))[0])

            plain = request(founded, aydan.signature)
            never = plain.replace(store.serial_bytes(serial), (serial ^ 1).to_bytes(16, "big"))
            found = {
                "good, signed ahead": await ask(plain),
                "good, SHA-1": await ask(
                    request(founded, aydan.signature, algorithm=hashes.SHA1())
                ),
                "good, live": await ask(request(founded, aydan.signature, nonce=b"n" * 32)),
                "never issued": await ask(never),
                "several": await ask(two_of(founded, aydan)),
            }
            for what, reason in (("held", 6), ("revoked", 1)):
                await asyncio.to_thread(act, founded, aydan.signature, what, reason)
                found[what] = await ask(request(founded, aydan.signature, nonce=what.encode()))
            for kind, encoded in (
                ("malformed", b"x"),
                ("unauthorized", plain.replace(plain[40:60], bytes(20))),
            ):
                found[kind] = await ask(encoded)
            found["try later"] = findings(ocsp.TRY_LATER)
            return found

    found = run(test)
    assert found == dict.fromkeys(found, 0)


def test_an_answer_says_how_far_back_it_knows(founded: Founded, aydan: Enrolee) -> None:
    async def test() -> bytes:
        async with answering(founded) as answers:
            return (await answers.answer(request(founded, aydan.signature, nonce=b"n" * 8)))[0]

    (single,) = x509_ocsp.load_der_ocsp_response(run(test)).responses
    cutoff = founded.certificate("issuing-person").not_valid_before_utc
    encoded = run(test)
    assert (cutoff.strftime("%Y%m%d%H%M%SZ").encode() in encoded, single.next_update_utc) == (
        True,
        NOW + ocsp.VALID_FOR,
    )


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 500), st.integers(0, 255), st.binary(min_size=16, max_size=16))
def test_a_shape_that_is_remembered_reads_like_the_parser(
    at: int, byte: int, serial: bytes
) -> None:
    issuer = (bytes.fromhex("0609608648016503040201"), b"n" * 32, b"k" * 32)
    asked = shaped(issuer, bytes([0x40 | serial[0] & 0x3F]) + serial[1:])
    reader = RequestReader(frozenset({issuer}))
    reader.read(shaped(issuer, b"\x40" + bytes(15)))
    changed = bytearray(asked)
    changed[at % len(changed)] = byte

    for one in (asked, bytes(changed)):
        try:
            expected = parse_request(one)
        except Invalid:
            with pytest.raises(Invalid):
                reader.read(one)
            continue
        assert reader.read(one) == expected


def shaped(issuer: tuple[bytes, bytes, bytes], serial: bytes) -> bytes:
    algorithm, subject, key = issuer
    cert_id = der.sequence(
        der.sequence(algorithm, der.NULL_VALUE),
        der.octet_string(subject),
        der.octet_string(key),
        der.tlv(der.INTEGER, serial),
    )
    nonce = der.octet_string(der.octet_string(b"nonce" * 4))
    extension = der.sequence(der.object_identifier("1.3.6.1.5.5.7.48.1.2"), nonce)
    return der.sequence(
        der.sequence(der.sequence(der.sequence(cert_id)), der.context(2, der.sequence(extension)))
    )
