"""The examples of the specifications are true."""

import base64
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pencere.ledger import proofs
from pencere.ledger.checkpoint import Checkpoint, key_id
from pencere.ledger.verify import Verdict, verify_entry

SPECS = Path(__file__).parents[2] / "docs" / "specs"


def block(page, language):
    text = (SPECS / page).read_text(encoding="utf-8").partition("## Example")[2]
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found


def last(page, name):
    return re.findall(rf"{name}: `([0-9a-f]+)`", (SPECS / page).read_text(encoding="utf-8"))[-1]


def test_the_example_of_a_checkpoint_is_signed_by_its_key():
    key = load_pem_public_key(block("checkpoint.md", "pem").encode())
    head = Checkpoint.open(block("checkpoint.md", "text"), key, "pencere.az/web")

    assert (head.size, key_id(key).hex()) == (5, last("checkpoint.md", "Key id"))


def test_the_example_of_evidence_is_included_in_the_log():
    key = load_pem_public_key(block("checkpoint.md", "pem").encode())
    evidence = json.loads(block("ledger.md", "json"))
    entry = evidence["leaf"]["entry"].encode()

    assert proofs.leaf_hash(entry).hex() == last("ledger.md", "Leaf hash")
    assert verify_entry(
        entry=entry,
        index=evidence["leaf"]["index"],
        proof=[base64.b64decode(part) for part in evidence["proof"]],
        checkpoint=evidence["checkpoint"],
        public_key=key,
        origin="pencere.az/web",
    ) == Verdict(included=True)
