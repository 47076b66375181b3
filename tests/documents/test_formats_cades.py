"""CAdES: every level, several signatures, renewal; openssl agrees on what it knows of."""

import subprocess

import pytest
from tests.documents.formats_world import NOTE, OTHER, holding, opened, signed_at

from pencere.documents.formats import archive_stamp, cades, cms
from pencere.documents.formats.cades import Choices
from pencere.documents.formats.reading import read
from pencere.documents.formats.signer import sign_one
from pencere.kernel.errors import PencereError

LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("enveloped", [False, True])
def test_each_level_is_whole_and_says_what_it_is(world, level, enveloped):
    made = signed_at(world, NOTE, level, enveloped=enveloped)

    found = read(made, files={} if enveloped else {"note.txt": NOTE})

    assert (found.form, found.holds) == ("cades", True)
    (one,) = found.signatures
    assert (one.level, one.certificate) == (level, world.signer.certificate)
    assert [stamp.kind for stamp in one.stamps] == {
        "B-B": [],
        "B-T": ["signature"],
        "B-LT": ["signature"],
        "B-LTA": ["signature", "archive"],
    }[level]
    # Signer, issuer of the signer, time-stamping, issuer of that: two statuses each.
    assert len(one.ocsps) == (4 if level in {"B-LT", "B-LTA"} else 0)


@pytest.mark.parametrize("level", LEVELS)
def test_openssl_verifies_each_level(world, tmp_path, level):
    (tmp_path / "note.p7s").write_bytes(signed_at(world, NOTE, level))
    (tmp_path / "note.txt").write_bytes(NOTE)
    (tmp_path / "root.pem").write_bytes(world.root_pem)

    done = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER"),
            *("-in", "note.p7s", "-content", "note.txt", "-CAfile", "root.pem"),
            *("-purpose", "any", "-out", "out.txt"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "out.txt").read_bytes() == NOTE


def test_another_content_is_altered(world):
    made = signed_at(world, NOTE, "B-LTA")

    (one,) = read(made, files={"note.txt": OTHER}).signatures

    assert one.problems == ("signature.altered",)
    assert [stamp.problems for stamp in one.stamps] == [(), ("time_stamp.other_content",)]


def test_a_cosignature_leaves_the_first_as_it_was(world):
    first = signed_at(world, NOTE, "B-LTA")

    both = sign_one(
        world.second,
        cades.prepare(NOTE, world.second, world.services, Choices("B-T"), beside=cms.load(first)),
    )

    found = read(both, files={"note.txt": NOTE})
    assert found.holds
    assert sorted((one.level, one.certificate.serial_number) for one in found.signatures) == sorted(
        [
            ("B-LTA", world.signer.certificate.serial_number),
            # The values of the first lie beside both.
            ("B-LT", world.second.certificate.serial_number),
        ]
    )
    assert cms.load(first).signers[0].encoded() in both


def test_a_cosignature_over_other_content_is_refused(world):
    first = cms.load(signed_at(world, NOTE, "B-B"))

    with pytest.raises(PencereError) as refusal:
        cades.prepare(OTHER, world.second, world.services, Choices(), beside=first)

    assert refusal.value.code == "sign.other_content"


def test_a_countersignature_is_checked_with_what_it_witnesses(world):
    first = cms.load(signed_at(world, NOTE, "B-B"))
    witnessed = sign_one(
        world.second,
        cades.prepare_countersignature(first, 0, world.second, world.services, Choices("B-T")),
    )
    assert holding(witnessed)

    loaded = cms.load(witnessed)
    (counter,) = loaded.signers[0].unsigned_values(cades.COUNTERSIGNATURE)
    other = (
        cms.load(signed_at(world, NOTE, "B-B")).signers[0].added(cades.COUNTERSIGNATURE, counter)
    )
    moved = loaded.with_signer(0, other).encoded()

    (one,) = read(moved, files={"note.txt": NOTE}).signatures
    assert one.problems == ("countersignature.wrong",)


def test_an_old_archive_is_renewed_by_another_stamp(world):
    old = cms.load(signed_at(world, NOTE, "B-LTA"))

    renewed = cades.extended(old, NOTE, "B-LTA", world.services).encoded()

    (one,) = read(renewed, files={"note.txt": NOTE}).signatures
    assert one.holds
    assert [stamp.kind for stamp in one.stamps] == ["signature", "archive", "archive"]


@pytest.mark.parametrize("level", ["B-T", "B-LT", "B-LTA"])
def test_a_signature_grows_to_a_level_without_its_signer(world, level):
    small = cms.load(signed_at(world, NOTE, "B-B"))

    grown = cades.extended(small, NOTE, level, world.services).encoded()

    (one,) = read(grown, files={"note.txt": NOTE}).signatures
    assert (one.level, one.holds) == (level, True)
    assert cms.load(grown).signers[0].fixed() == small.signers[0].fixed()


@pytest.mark.parametrize("part", ["certificate_choices", "revocation_choices"])
def test_what_an_archive_stamp_was_over_cannot_be_taken_away(world, part):
    made = cms.load(signed_at(world, NOTE, "B-LTA"))
    own = world.signer.certificate.serial_number
    kept = tuple(
        one
        for number, one in enumerate(sorted(getattr(made, part)))
        if number or (part == "certificate_choices" and f"{own:x}" in one.hex())
    )

    (one,) = read(
        opened(made, **{part: kept[1:] if len(kept) == len(getattr(made, part)) else kept}),
        files={"note.txt": NOTE},
    ).signatures

    assert [stamp.problems for stamp in one.stamps][-1] == ("time_stamp.index_incomplete",)


def test_a_signature_stamp_added_later_does_not_disturb_the_archive(world):
    made = cms.load(signed_at(world, NOTE, "B-LTA"))
    signer = made.signers[0]
    later = signer.added(cades.SIGNATURE_TIME_STAMP, world.services.stamp(signer.signature))

    (one,) = read(made.with_signer(0, later).encoded(), files={"note.txt": NOTE}).signatures

    assert one.holds


def test_the_archive_stamp_of_one_signature_does_not_serve_another(world):
    first, second = (cms.load(signed_at(world, NOTE, "B-LTA")) for _ in range(2))
    (taken,) = second.signers[0].unsigned_values(archive_stamp.OID)
    bare = cms.load(signed_at(world, NOTE, "B-LT"))

    forged = bare.with_signer(0, bare.signers[0].added(archive_stamp.OID, taken)).encoded()

    (one,) = read(forged, files={"note.txt": NOTE}).signatures
    assert "time_stamp.other_content" in one.stamps[-1].problems
    assert first.signers[0].signature != second.signers[0].signature


def test_a_detached_signature_without_its_file_says_so(world):
    (one,) = read(signed_at(world, NOTE, "B-T")).signatures

    assert one.problems == ("signature.content_missing",)
