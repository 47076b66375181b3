"""Questions that are built to cost: they end within their budget and are never believed."""

import io
import zipfile
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pencere.documents.validation.path import Checking, validate
from pencere.documents.validation.pool import Limits, Pool
from pencere.documents.validation.processing import Demands
from pencere.documents.validation.request import Request
from pencere.documents.validation.signatures import Strength
from pencere.kernel.clock import SystemClock

NOW = SystemClock().now().replace(microsecond=0)
DAY = timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, signer, *, constraints=None, names=()):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


# What does not end is cut off and has failed; on an idle machine each takes a few seconds.
IN_TIME = pytest.mark.timeout(60)


def key():
    return ec.generate_private_key(ec.SECP256R1())


@IN_TIME
def test_a_crowd_of_authorities_of_one_name_ends_in_time():
    """Every one signed every other: paths without end, and none to an anchor."""
    keys = [key() for _ in range(12)]
    crowd = [certificate("same", "same", below, above) for below in keys for above in keys]
    leaf = certificate("leaf", "same", key(), keys[0])
    anchor = certificate("anchor", "anchor", key(), key())

    found = validate(leaf, intermediates=crowd, anchors=[anchor], at=NOW, checking=Checking.NONE)

    assert (found.passed, found.code) in {(False, "path.none"), (False, "path.too_complex")}


def test_a_long_chain_is_refused_and_a_cycle_ends():
    keys = [key() for _ in range(40)]
    anchor = certificate("0", "0", keys[0], keys[0])
    chain = [
        certificate(str(number), str(number - 1), keys[number], keys[number - 1])
        for number in range(1, 40)
    ]
    cycle = [certificate("a", "b", keys[1], keys[2]), certificate("b", "a", keys[2], keys[1])]

    assert not validate(
        chain[-1], intermediates=chain[:-1], anchors=[anchor], at=NOW, checking=Checking.NONE
    ).passed
    assert validate(cycle[0], intermediates=cycle, anchors=[anchor], at=NOW).code == "path.none"


@IN_TIME
def test_thousands_of_constraints_against_thousands_of_names_end_in_time():
    root_key, leaf_key = key(), key()
    permitted = [x509.DNSName(f"p{number}.example") for number in range(2000)]
    root = certificate("root", "root", root_key, root_key)
    middle_key = key()
    middle = certificate(
        "middle",
        "root",
        middle_key,
        root_key,
        constraints=x509.NameConstraints(permitted, None),
    )
    leaf = certificate(
        "leaf",
        "middle",
        leaf_key,
        middle_key,
        names=[f"x{number}.p1999.example" for number in range(2000)],
    )

    found = validate(leaf, intermediates=[middle], anchors=[root], at=NOW, checking=Checking.NONE)

    assert not found.passed


def test_weak_algorithms_are_said_and_not_believed():
    root_key = rsa.generate_private_key(65537, 1024)
    root = certificate("root", "root", root_key, root_key)
    leaf = certificate("leaf", "root", key(), root_key)

    def code(**demands):
        return validate(
            leaf, anchors=[root], at=NOW, checking=Checking.NONE, demands=Demands(**demands)
        ).code

    assert [code(), code(strength=None)] == ["path.weak_algorithm", ""]
    assert Strength().is_weak(None, ("sha1",), NOW)
    assert Strength().is_weak(None, ("md5",), NOW)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x30" * 100_000,
        b"\x30\x84\xff\xff\xff\xff" + b"\x00" * 100,
        b"\x30\x80" * 50_000,
        b"\x02\x83\x10\x00\x00" + b"\xff" * 1_000_000,
        b"\xa0\x82\xff\xff" * 20_000,
    ],
    ids=["nothing", "nested", "endless length", "indefinite", "huge number", "tags"],
)
@IN_TIME
def test_hostile_encodings_get_a_verdict(encoded):
    anchor = certificate("root", "root", key(), key())

    found = validate(
        encoded, intermediates=[encoded], crls=[encoded], ocsps=[encoded], anchors=[anchor], at=NOW
    )

    assert not found.passed


@pytest.fixture(scope="module")
def pool():
    made = Pool(size=1)
    yield made
    made.close()


def asked(content, **changes):
    root = certificate("root", "root", key(), key())
    return Request(content, (root.public_bytes(Encoding.DER),), NOW, **changes)


def zipped(*files):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr(
            zipfile.ZipInfo("mimetype"), "application/vnd.etsi.asic-e+zip", zipfile.ZIP_STORED
        )
        for file, content in files:
            container.writestr(file, content)
    return output.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7\n" + b"<<" * 100_000,
        b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nstartxref\n9\n%%EOF",
        b"<a>" * 100_000,
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"\x30\x80" * 100_000,
        zipped(("a.bin", b"\x00" * 300_000_000)),
        zipped(*((f"META-INF/signatures{n}.xml", b"<a/>") for n in range(2000))),
    ],
    ids=["nothing", "open pdf", "deep pdf", "deep xml", "entities", "ber", "bomb", "many files"],
)
@IN_TIME
def test_hostile_files_get_a_verdict_that_is_not_valid(pool, content):
    report = pool.judge(asked(content), Limits(wall_s=10, cpu_s=8))

    assert not report.valid
    assert report.reasons


def test_a_worker_that_dies_is_replaced_and_says_so(pool):
    pool.judge(asked(b"hello"))
    worker = pool._free.get()
    worker._process.kill()
    worker._process.wait()
    pool._free.put(worker)

    assert pool.judge(asked(b"hello")).reasons == ("file.unknown",)


def test_a_worker_over_its_time_is_killed_and_the_next_question_is_answered(pool):
    content = b"%PDF-1.7\n" + b"<<" * 1_000_000

    over = pool.judge(asked(content), Limits(wall_s=0.01, cpu_s=1))

    assert over.reasons == ("verification.took_too_long",)
    assert pool.judge(asked(b"hello")).reasons == ("file.unknown",)


def test_when_all_workers_are_busy_it_is_said(pool):
    worker = pool._free.get()
    try:
        assert pool.judge(asked(b"hello"), Limits(wall_s=0.1)).reasons == ("verification.busy",)
    finally:
        pool._free.put(worker)
