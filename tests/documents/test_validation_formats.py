"""Containers and bare signatures through the whole validation, by level and over the years."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.documents.formats_world import NOTE, signed_at

from pencere.documents.formats import archive, asic
from pencere.documents.formats.signer import sign_one
from pencere.documents.validation.judging import judge
from pencere.documents.validation.request import Request
from pencere.kernel.clock import SystemClock

FILES = {"note.txt": NOTE, "folder/vote.bin": bytes(range(256))}
DAY = timedelta(days=1)


def now():
    return SystemClock().now()


def container(world, flavour, level):
    prepared = asic.prepare(
        asic.new(FILES), world.signer, world.services, flavour=flavour, level=level, at=now()
    )
    return sign_one(world.signer, prepared)


@pytest.fixture(scope="module")
def long_lived(world):
    return {flavour: container(world, flavour, "B-LTA") for flavour in ("cades",)}


def found(trust_centre, content, at, **changes):
    root = trust_centre.root.public_bytes(Encoding.DER)
    report = judge(Request(content, (root,), at, **changes))
    return str(report.indication), report.reasons


@pytest.mark.parametrize("flavour", ["cades", "xades"])
def test_without_evidence_a_container_is_indeterminate_and_never_wrong(
    trust_centre, world, flavour
):
    indication, reasons = found(trust_centre, container(world, flavour, "B-T"), now())

    assert (indication, set(reasons) <= {"signer.no_evidence", "time_stamp.no_evidence"}) == (
        "INDETERMINATE",
        True,
    )


def test_an_archived_container_passes_before_and_after_the_end_of_its_certificates(
    trust_centre, world, long_lived
):
    ends = world.signer.certificate.not_valid_after_utc
    responder = trust_centre.centre.keystore.certificates("ocsp-issuing-seal")[0]

    for content in long_lived.values():
        for at in (now(), responder.not_valid_after_utc + DAY, ends, ends + DAY):
            assert found(trust_centre, content, at) == ("TOTAL-PASSED", ())


def test_a_changed_file_in_a_container_fails(trust_centre, long_lived):
    files = archive.unpack(long_lived["cades"]).files | {"note.txt": b"other"}
    changed = archive.pack(
        {name: one for name, one in files.items() if name != "mimetype"}, mimetype=asic.ASIC_E
    )

    indication, reasons = found(trust_centre, changed, now())

    assert indication == "TOTAL-FAILED"
    assert "manifest.file_altered" in reasons


def test_a_bare_signature_is_judged_with_what_it_is_over(trust_centre, world):
    signature = signed_at(world, NOTE, "B-LTA")

    assert found(trust_centre, signature, now(), detached={"note.txt": NOTE}) == (
        "TOTAL-PASSED",
        (),
    )
    assert found(trust_centre, signature, now(), detached={"note.txt": b"other"})[0] == (
        "TOTAL-FAILED"
    )
    assert found(trust_centre, signature, now())[0] != "TOTAL-PASSED"
