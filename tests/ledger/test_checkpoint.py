import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.errors import PencereError
from pencere.ledger import proofs
from pencere.ledger.checkpoint import Checkpoint, key_id
from pencere.ledger.verify import Verdict, verify_entry


class KeySigner:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self.key.public_key()

    def sign(self, data):
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


SIGNER, STRANGER = KeySigner(), KeySigner()
ORIGIN = "pencere.az/web"
ENTRIES = [b'{"n":%d}' % n for n in range(5)]
LEAVES = [proofs.leaf_hash(entry) for entry in ENTRIES]
HEAD = Checkpoint(ORIGIN, 5, proofs.root(LEAVES))
NOTE = HEAD.sign(SIGNER)


def code_of(note, origin=ORIGIN):
    with pytest.raises(PencereError) as refusal:
        Checkpoint.open(note, SIGNER.public_key, origin)
    return refusal.value.code


def test_a_checkpoint_is_the_note_of_the_specification():
    root = base64.b64encode(HEAD.root).decode()
    text, signature = NOTE.split("\n\n")
    dash, name, blob = signature.split(" ")
    spki = SIGNER.public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    assert (text, dash, name) == (f"{ORIGIN}\n5\n{root}", "—", ORIGIN)
    assert base64.b64decode(blob)[:4] == hashlib.sha256(spki).digest()[:4]
    SIGNER.public_key.verify(
        base64.b64decode(blob)[4:], (text + "\n").encode(), ec.ECDSA(hashes.SHA256())
    )


def test_a_signed_checkpoint_opens_again():
    assert Checkpoint.open(NOTE, SIGNER.public_key, ORIGIN) == HEAD


def test_signatures_of_witnesses_beside_ours_are_ignored():
    other = HEAD.sign(STRANGER).split("\n\n")[1]

    assert Checkpoint.open(NOTE + other * 15, SIGNER.public_key, ORIGIN) == HEAD


def test_extension_lines_are_allowed():
    text = HEAD.text + "extension\n"
    blob = base64.b64encode(key_id(SIGNER.public_key) + SIGNER.sign(text.encode())).decode()

    assert Checkpoint.open(f"{text}\n— {ORIGIN} {blob}\n", SIGNER.public_key, ORIGIN) == HEAD


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ("", "checkpoint.malformed"),
        (NOTE[:-1], "checkpoint.malformed"),
        (NOTE.replace("\n\n", "\n"), "checkpoint.malformed"),
        (NOTE.replace("\n5\n", "\r\n5\n"), "checkpoint.malformed"),
        (NOTE.replace("— ", "- "), "checkpoint.malformed"),
        (NOTE + "x" * 70_000, "checkpoint.malformed"),
        (NOTE.replace("web\n5", "web\n5\ud800"), "checkpoint.malformed"),
        (NOTE.replace("\n5\n", "\n6\n"), "checkpoint.signature"),
        (HEAD.sign(STRANGER), "checkpoint.unsigned"),
    ],
)
def test_a_note_that_is_not_as_signed_is_refused(note, code):
    assert code_of(note) == code


def test_a_checkpoint_of_another_log_is_not_taken_for_this_one():
    foreign = Checkpoint("pencere.az/trust", 5, HEAD.root)
    text = foreign.text
    blob = base64.b64encode(key_id(SIGNER.public_key) + SIGNER.sign(text.encode())).decode()

    assert code_of(foreign.sign(SIGNER)) == "checkpoint.unsigned"
    assert code_of(f"{text}\n— {ORIGIN} {blob}\n") == "checkpoint.other_log"


@pytest.mark.parametrize("line", ["05", "-5", "+5", "5.0", "", "\u0665", "9" * 30])
def test_a_size_has_one_way_of_writing(line):
    text = HEAD.text.replace("\n5\n", f"\n{line}\n")
    blob = base64.b64encode(key_id(SIGNER.public_key) + SIGNER.sign(text.encode())).decode()

    assert code_of(f"{text}\n— {ORIGIN} {blob}\n") == "checkpoint.malformed"


@given(note=st.text())
def test_any_text_is_refused_with_a_reason(note):
    assert code_of(note).startswith("checkpoint.")


@given(place=st.integers(0, len(NOTE) - 1), sign=st.characters())
def test_a_note_with_one_other_sign_never_says_something_else(place, sign):
    changed = NOTE[:place] + sign + NOTE[place + 1 :]
    try:
        head = Checkpoint.open(changed, SIGNER.public_key, ORIGIN)
    except PencereError:
        return
    assert head == HEAD


def verdict(**changes):
    evidence = {
        "entry": ENTRIES[2],
        "index": 2,
        "proof": proofs.inclusion_proof(LEAVES, 2),
        "checkpoint": NOTE,
        "public_key": SIGNER.public_key,
        "origin": ORIGIN,
    }
    return verify_entry(**(evidence | changes))


def test_an_entry_with_its_evidence_is_included():
    assert verdict() == Verdict(included=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"entry": b'{"n":9}'}, "proof.mismatch"),
        ({"index": 3}, "proof.mismatch"),
        ({"index": 5}, "proof.index"),
        ({"index": -1}, "proof.index"),
        ({"proof": []}, "proof.mismatch"),
        ({"proof": [b"x"]}, "proof.mismatch"),
        ({"checkpoint": "no"}, "checkpoint.malformed"),
        ({"public_key": STRANGER.public_key}, "checkpoint.unsigned"),
        ({"origin": "pencere.az/trust"}, "checkpoint.unsigned"),
    ],
)
def test_evidence_that_does_not_fit_says_why(changes, reason):
    assert verdict(**changes) == Verdict(included=False, reason=reason)
