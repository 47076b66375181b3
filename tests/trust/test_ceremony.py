"""A centre is founded from one approved file; what was not approved opens no key."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.trust.conftest import NOW, PASSPHRASE, Founded

from pencere.kernel.errors import Conflict, Misconfigured, Missing, PencereError, Refused
from pencere.trust import quorum
from pencere.trust.ceremony import Centre
from pencere.trust.founding import transcript
from pencere.trust.founding.demonstration import (
    APPROVERS,
    Demonstration,
    national_plan,
    write_description,
)
from pencere.trust.founding.description import Description
from pencere.trust.founding.rite import Place, Rite
from pencere.trust.keystore import Keystore
from pencere.trust.quorum import Approval, Approver, Operation, Rule, Warrant

KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
NAMES = ("a-quliyeva", "r-mammadov", "n-aliyeva")
RULE = Rule(
    2, tuple(Approver(name, key.public_key()) for name, key in zip(NAMES, KEYS, strict=True))
)


def operation(**changes: object) -> Operation:
    facts = {
        "kind": "mass-revocation",
        "sha256": b"x" * 32,
        "installation": "test",
        "not_before": NOW,
        "not_after": NOW + timedelta(hours=1),
    }
    return Operation(**{**facts, **changes})


def approved(what: Operation, *who: int) -> Warrant:
    return Warrant(what, tuple(quorum.approve(what, NAMES[one], KEYS[one]) for one in who))


def test_two_of_three_are_enough() -> None:
    found = quorum.verify(approved(operation(), 2, 0), RULE, installation="test", at=NOW)

    assert [one.name for one in found] == ["a-quliyeva", "n-aliyeva"]


FORGED = Approval("a-quliyeva", KEYS[1].sign(b"x", ec.ECDSA(hashes.SHA256())))


@pytest.mark.parametrize(
    ("warrant", "at", "code"),
    [
        (approved(operation(), 0), NOW, "quorum.too_few"),
        (approved(operation(), 0, 0), NOW, "quorum.twice"),
        (approved(operation(), 0, 1), NOW - timedelta(seconds=1), "quorum.time"),
        (approved(operation(), 0, 1), NOW + timedelta(hours=2), "quorum.time"),
        (approved(operation(installation="other"), 0, 1), NOW, "quorum.installation"),
        (Warrant(operation(), (FORGED,)), NOW, "quorum.signature"),
        (Warrant(operation(), (Approval("stranger", b"x"),)), NOW, "quorum.approver"),
        (
            Warrant(operation(sha256=b"y" * 32), approved(operation(), 0, 1).approvals),
            NOW,
            "quorum.signature",
        ),
        (
            Warrant(operation(kind="profile-change"), approved(operation(), 0, 1).approvals),
            NOW,
            "quorum.signature",
        ),
        (
            Warrant(
                operation(not_after=NOW + timedelta(days=6)), approved(operation(), 0, 1).approvals
            ),
            NOW,
            "quorum.signature",
        ),
    ],
)
def test_what_is_not_approved_is_refused(warrant: Warrant, at: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        quorum.verify(warrant, RULE, installation="test", at=at)

    assert caught.value.code == code


def test_an_operation_is_used_once_and_leaves_a_leaf(founded: Founded) -> None:
    warrant = approved(operation(), 0, 1)
    with founded.connect() as connection:
        quorum.consume(connection, warrant, RULE, installation="test", at=NOW)
        connection.commit()
        with pytest.raises(Conflict, match=r"quorum\.used"):
            quorum.consume(connection, warrant, RULE, installation="test", at=NOW)
        leaves = connection.execute(
            "select count(*) from ledger.pending where kind = 'operation'"
        ).fetchone()
        approvals = connection.execute(
            "select approver from trust.approval join trust.operation on sha256 = operation"
            " where kind = 'mass-revocation' order by 1"
        ).fetchall()

    assert (leaves, approvals) == ((2,), [("a-quliyeva",), ("r-mammadov",)])  # the ceremony's too


@pytest.mark.parametrize("table", ["operation", "approval"])
def test_approvals_stay_on_record(founded: Founded, table: str) -> None:
    with founded.connect() as connection, pytest.raises(psycopg.Error):
        connection.execute(f"delete from trust.{table}")


def test_the_root_opens_only_with_approvals(founded: Founded) -> None:
    root = founded.centre.root

    with pytest.raises(Refused, match=r"quorum\.too_few"):
        root.signer("root")
    with pytest.raises(Refused, match=r"quorum\.approver"):
        root.signer("root", approved(operation(), 0, 1), at=NOW)


def test_the_running_centre_has_no_key_of_the_root(founded: Founded) -> None:
    centre = founded.centre

    assert (centre.keystore.has_key("root"), "root" in centre.keystore.names()) == (False, False)
    assert centre.keystore.certificates("root") == centre.root.certificates("root")


def test_a_second_founding_opens_nothing(founded: Founded) -> None:
    (founded.folder / "root" / "root.key").unlink()  # it was taken away, as it should be

    assert founded.centre.found() is None


def test_a_root_that_is_away_is_not_made_a_second_time(founded: Founded) -> None:
    (founded.folder / "root" / "root.key").unlink()
    founded.clock.advance(timedelta(days=380))

    with pytest.raises((Refused, Missing)) as caught:
        founded.centre.found()

    assert caught.value.code in {"ceremony.key_away", "keystore.key_missing"}


def ceremony_of(founded: Founded) -> tuple[str, bytes]:
    (folder,) = (founded.centre.pki / "ceremonies").iterdir()
    return (folder / "transcript.jws").read_text(), (folder / "ceremony.yaml").read_bytes()


def test_the_transcript_names_everything_that_was_made(founded: Founded) -> None:
    jws, content = ceremony_of(founded)

    found = transcript.verify(jws, content, [founded.root])

    certificates = {
        name.removeprefix("certificate "): digest
        for name, digest in found.made.items()
        if name.startswith("certificate ")
    }
    assert found.approvers == APPROVERS[:2]
    assert certificates == {
        one["key"]: transcript.digest_of(
            (founded.centre.root if one["key"] == "root" else founded.centre.keystore).certificates(
                one["key"]
            )[0]
        )
        for one in national_plan()["certificates"]
    }
    assert {name for name in found.made if name.startswith("list ")} == {
        f"list {name}" for name in national_plan()["lists"]
    }


def test_a_changed_file_or_another_root_is_not_believed(founded: Founded) -> None:
    jws, content = ceremony_of(founded)

    with pytest.raises(Refused, match="other_ceremony"):
        transcript.verify(jws, content.replace(b"P-256", b"P-384", 1), [founded.root])
    with pytest.raises(Refused, match=r"certificate\.untrusted"):
        transcript.verify(jws, content, [founded.certificate("issuing-seal")])
    with pytest.raises(PencereError):
        transcript.verify(jws[:-8] + "AAAAAAAA", content, [founded.root])


def test_the_ceremony_is_a_leaf_of_the_ledger(founded: Founded) -> None:
    _, content = ceremony_of(founded)
    with founded.connect() as connection:
        rows = connection.execute(
            "select entry from ledger.pending where kind = 'ceremony'"
        ).fetchall()

    assert [json.loads(bytes(row[0]))["ceremony"] for row in rows] == [
        Description.parse(content).sha256.hex()
    ]


# ------------------------------------------------------------------ a centre founded by people


@pytest.fixture
def place(make_database: Callable, tmp_path: Path, founded: Founded) -> Place:
    issuance = replace(founded.centre.issuance, conninfo=make_database("trust").app)
    stores = [Keystore(tmp_path / name, PASSPHRASE, "test") for name in ("root", "centre")]
    return Place(issuance, *stores, tmp_path / "pki")


def described(**changes: object) -> Description:
    content = write_description(
        national_plan(),
        title="Founding",
        installation="test",
        people=[{"name": "S. Hüseynov", "duty": "witness"}],
        rule=RULE,
        at=NOW,
    )
    return Description.parse(yaml.safe_dump({**yaml.safe_load(content), **changes}).encode())


def test_people_found_a_centre_and_the_same_approvals_do_not_do_it_again(place: Place) -> None:
    description = described()
    warrant = approved(description.operation, 1, 2)

    jws = Rite(place, description, warrant).hold()

    found = transcript.verify(jws, description.content, place.root.certificates("root"))
    assert (found.approvers, place.centre.quorum().as_json()) == (
        ("n-aliyeva", "r-mammadov"),
        RULE.as_json(),
    )
    with pytest.raises(Conflict, match=r"quorum\.used"):
        Rite(place, description, warrant).hold()


def test_without_approvals_no_key_is_made(place: Place) -> None:
    description = described()

    with pytest.raises(Refused, match=r"quorum\.too_few"):
        Rite(place, description, approved(description.operation, 0)).hold()

    assert (place.root.names(), place.centre.names()) == ([], [])


def test_approvals_of_another_file_are_refused(place: Place) -> None:
    description, other = described(), described(ceremony="Another")

    with pytest.raises(Refused, match=r"ceremony\.other_file"):
        Rite(place, description, approved(other.operation, 0, 1)).hold()


def test_a_later_file_cannot_name_its_own_approvers(founded: Founded) -> None:
    centre = founded.centre
    place = Place(centre.issuance, centre.root, centre.keystore, centre.pki)
    description = described()

    with pytest.raises(Refused, match=r"quorum\.approver"):
        Rite(place, description, approved(description.operation, 0, 1)).hold()


def test_a_store_that_is_not_as_described_is_refused(place: Place) -> None:
    token = {"kind": "token", "library": "/usr/lib/x.so", "token": "root"}
    description = described(stores={"root": token, "centre": {"kind": "software"}})

    with pytest.raises(Refused, match=r"ceremony\.store"):
        Rite(place, description, approved(description.operation, 0, 1)).hold()

    assert place.root.names() == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"keys": [{"name": "root", "store": "root", "algorithm": "RSA-1024"}]}, "keys"),
        ({"keys": [{"name": "root", "store": "centre", "algorithm": "P-384"}]}, "keys"),
        ({"keys": [{"name": "../x", "store": "centre", "algorithm": "P-384"}]}, "keys"),
        ({"certificates": [{"key": "tsa", "profile": "tsa", "issuer": "root"}]}, "certificates"),
        (
            {"certificates": [{"key": "root", "profile": "root", "issuer": "root", "days": 99999}]},
            "certificates",
        ),
        (
            {
                "certificates": [
                    {"key": "nobody", "profile": "tsa", "issuer": "issuing-infrastructure"}
                ]
            },
            "certificates",
        ),
        ({"quorum": {"needed": 4, "approvers": RULE.as_json()["approvers"]}}, "quorum"),
        ({"quorum": {"needed": 1, "approvers": [{"name": "x", "key": "no PEM"}]}}, "quorum"),
        ({"lists": ["nowhere"]}, "lists"),
        ({"valid": {"from": "yesterday", "until": "2026-11-23T09:00:00Z"}}, "valid"),
        ({"stores": {"root": {"kind": "paper"}, "centre": {"kind": "software"}}}, "stores"),
        ({"surprise": 1}, "keys"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(changes: dict, key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        described(**changes)

    assert caught.value.facts["key"] == key


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"a: &a [*a]", b"\xff\xfe", b"{" * 2_000, b"x" * 300_000]
)
def test_a_hostile_file_is_refused(content: bytes) -> None:
    with pytest.raises(Misconfigured):
        Description.parse(content)


HELD = """
import os, signal, sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from pencere.kernel.clock import FixedClock
from pencere.trust.ceremony import Centre
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority

conninfo, folder, now, stop = sys.argv[1:]
real = Path.replace
count = 0

def replace_and_die(self, target):
    # The machine is switched off when the given number of files has been put in place.
    global count
    found = real(self, target)
    count += 1
    if count == int(stop):
        os.kill(os.getpid(), signal.SIGKILL)
    return found

Path.replace = replace_and_die
issuance = Issuance(conninfo, load_authority(), "http://127.0.0.1:9390",
                    FixedClock(datetime.fromisoformat(now)), b"k" * 32)
stores = [Keystore(Path(folder) / name, "the passphrase of the tests", "test")
          for name in ("keys", "root", "approvers")]
Centre(issuance, stores[0], Path(folder) / "pki", *stores[1:]).found()
"""


@pytest.mark.parametrize("stop", [9, 17, 44])
def test_a_ceremony_that_was_killed_is_finished_at_the_next_start(
    make_database: Callable, founded: Founded, tmp_path: Path, stop: int
) -> None:
    conninfo = make_database("trust").app
    done = subprocess.run(
        [sys.executable, "-c", HELD, conninfo, str(tmp_path), NOW.isoformat(), str(stop)],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -9, done.stderr.decode()
    founded.clock.advance(timedelta(minutes=6))
    issuance = replace(founded.centre.issuance, conninfo=conninfo)
    keys, root, approvers = (
        Keystore(tmp_path / name, PASSPHRASE, "test") for name in ("keys", "root", "approvers")
    )
    centre = Centre(issuance, keys, tmp_path / "pki", root, approvers)

    jws = centre.found()

    (folder,) = (tmp_path / "pki" / "ceremonies").iterdir()
    found = transcript.verify(
        jws, (folder / "ceremony.yaml").read_bytes(), root.certificates("root")
    )
    with psycopg.connect(conninfo) as connection:
        (twice,) = connection.execute(
            "select count(*) from (select profile, issuer, tbs from trust.certificate c"
            " where state = 'issued' and profile <> 'ocsp' and not exists"
            " (select from trust.revocation r where r.serial = c.serial)) v"
            " group by profile having count(*) > 1"
        ).fetchone() or (0,)
    assert (found.approvers, twice, centre.found()) == (APPROVERS[:2], 0, None)


def test_a_root_from_before_is_moved_out_of_the_services_reach(founded: Founded) -> None:
    # A folder as the earlier release left it: the root beside the others, nothing bound.
    centre, folder = founded.centre, founded.folder
    demonstration = Demonstration(
        Place(centre.issuance, centre.root, centre.keystore, centre.pki), centre.approvers
    )
    key = centre.root._load("root", None)
    for path in (*folder.glob("keys/*.binding"), folder / "keys" / "bound.yes"):
        path.unlink()
    centre.keystore._write_key("root", key)
    for path in (folder / "root").iterdir():
        path.unlink()

    demonstration.found()

    assert (centre.keystore.has_key("root"), centre.root.binding("root").quorum.needed) == (
        False,
        2,
    )
