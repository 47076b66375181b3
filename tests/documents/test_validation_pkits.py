"""All of NIST PKITS through the path validation of the service."""

from datetime import UTC, datetime
from pathlib import Path

import cryptography_vectors
import pytest
import yaml

from pencere.documents.validation.path import validate
from pencere.documents.validation.policies import ANY, PolicyInputs
from pencere.documents.validation.processing import Demands

FILES = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
TABLE = yaml.safe_load((Path(__file__).parent / "pkits" / "cases.yaml").read_text())
AT = datetime(2020, 6, 1, tzinfo=UTC)


def certificate(name):
    return (FILES / "certs" / f"{name}.crt").read_bytes()


def revocation_list(name):
    return (FILES / "crls" / f"{name}.crl").read_bytes()


def demands(case):
    policies = {f"2.16.840.1.101.3.2.1.48.{n}" for n in case.get("policies", ())} or {ANY}
    inputs = PolicyInputs(
        frozenset(policies),
        case.get("explicit", False),
        case.get("inhibit_mapping", False),
        case.get("inhibit_any", False),
    )
    # Two certificates are signed with DSA and SHA-1, which PKITS wants verified.
    return Demands(inputs, strength=None)


def answer(test, case, *, certificates=None, lists=None):
    return validate(
        certificate(test["end"]),
        intermediates=certificates or [certificate(one) for one in test["certificates"]],
        crls=lists or [revocation_list(one) for one in test["lists"]],
        anchors=[certificate("TrustAnchorRootCertificate")],
        at=AT,
        demands=demands(case),
    )


def test_the_table_holds_every_case_of_the_document():
    sections = {}
    for test in TABLE:
        section = test["test"].rsplit(".", 1)[0]
        sections[section] = sections.get(section, 0) + 1

    assert sum(len(test["cases"]) for test in TABLE) == 249
    assert list(sections.values()) == [6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("test", TABLE, ids=lambda test: test["test"])
def test_a_path_is_believed_exactly_when_the_document_says_so(test):
    found = [answer(test, case).passed for case in test["cases"]]

    assert found == [case["valid"] for case in test["cases"]]


def test_nothing_more_is_believed_when_everything_is_at_hand():
    """All certificates and lists of the suite at once: the same verdicts, out of a large pool."""
    everything = [path.read_bytes() for path in sorted((FILES / "certs").glob("*.crt"))]
    lists = [path.read_bytes() for path in sorted((FILES / "crls").glob("*.crl"))]
    chosen = [test for test in TABLE if test["test"].endswith(("1", "5"))]

    wrong = [
        test["test"]
        for test in chosen
        for case in test["cases"]
        if answer(test, case, certificates=everything, lists=lists).passed and not case["valid"]
    ]

    assert wrong == []
