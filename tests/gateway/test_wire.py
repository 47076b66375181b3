"""What travels: the spec pages' worked bytes, X-Road's hash, envelopes, identifiers, rights."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.conftest import SHARED

from pencere.gateway.directory.model import EndpointPattern
from pencere.gateway.directory.rights import is_ambiguous, leaves_base
from pencere.gateway.exchange.upstreams import join
from pencere.gateway.wire import envelope, evidence, head, tree
from pencere.gateway.wire.faults import Fault, FaultStyle, Kind, client_fault, render
from pencere.gateway.wire.identifiers import (
    canonical,
    decode_part,
    encode_part,
    parse_client,
    parse_target,
)

SPECS = Path(__file__).parents[2] / "docs" / "specs"
VECTORS = SHARED / "exchange_request_hash_vectors.json"


def block(page: str, kind: str, number: int = 0) -> str:
    found = re.findall(rf"^```{kind}\n(.*?)\n```$", (SPECS / page).read_text(), re.M | re.S)
    assert isinstance(found[number], str)
    return found[number]


def test_the_worked_bytes_of_the_spec_pages_are_what_the_code_makes() -> None:
    key = load_pem_public_key(block("evidence.md", "pem").encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    message = envelope.unpack(bytes.fromhex(block("node-link.md", "hex", -1).replace("\n", "")))
    proof = evidence.parse_evidence(message.evidence)
    parsed = head.parse_request(message.head)
    statement = evidence.Statement(
        kind="request",
        exchange=parsed.values[b"x-road-request-id"].decode(),
        signer="AZ/GOV/idda/node",
        receiver="AZ/GOV/azintelecom/node",
        certificate=proof.certificate,
        time=proof.time,
        head=head.digest(message.head),
        body=head.digest(message.body),
    )

    assert message.head.decode() == block("evidence.md", "http").replace("\n", "\r\n") + "\r\n"
    assert message.body.decode() == block("evidence.md", "json")
    assert message.evidence.decode() == block("evidence.md", "evidence")
    assert statement.to_bytes().decode() == block("evidence.md", "text") + "\n"
    assert evidence.statement_digest(statement).hex() == block("evidence.md", "hex")
    assert head.request_hash(statement.head, statement.body) == block("evidence.md", "base64")
    leaf = tree.leaf_hash(statement.to_bytes())
    assert leaf.hex() == block("evidence.md", "leaf")
    assert proof.path.hex() == block("evidence.md", "path").replace("\n", "")
    root = tree.climb(leaf, proof.leaf, proof.size, proof.path)
    assert root is not None
    signed = evidence.batch_bytes(statement.signer, proof.certificate, proof.size, root, proof.time)
    assert signed.decode() == block("evidence.md", "batch") + "\n"
    key.verify(proof.signature, signed, ec.ECDSA(hashes.SHA256()))
    assert evidence.verify(statement, proof, key)
    assert envelope.pack(message).hex() == block("node-link.md", "hex", -1).replace("\n", "")


@pytest.mark.skipif(not VECTORS.exists(), reason="the folder ../shared with vectors is not here")
def test_the_request_hash_is_that_of_the_vectors() -> None:
    for vector in json.loads(VECTORS.read_text())["vectors"][:2]:
        headers = [(name.encode(), value.encode()) for name, value in vector["headers_in_order"]]
        made = head.request_bytes(vector["verb"], vector["target"], headers)
        body = vector["body"]
        body_digest = head.digest(body.encode()) if body else None
        assert made.decode() == vector["rest_message_bytes"]
        assert head.request_hash(head.digest(made), body_digest) == vector["x_road_request_hash"]


@given(st.binary(min_size=1), st.binary(), st.binary(min_size=1))
def test_an_envelope_opens_to_what_was_packed(first: bytes, body: bytes, proof: bytes) -> None:
    made = envelope.Envelope(first, body, proof)

    assert envelope.unpack(envelope.pack(made)) == made


@given(st.binary())
def test_what_is_no_envelope_raises_value_error_only(data: bytes) -> None:
    try:
        envelope.unpack(envelope.MAGIC + data)
    except ValueError:
        return


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_an_identifier_part_reads_back(value: str) -> None:
    assert decode_part(encode_part(value)) == value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("AZ/GOV/10001/portal", "AZ/GOV/10001/portal"),
        ("AZ/GOV/10001/sub%2Fsystem", "AZ/GOV/10001/sub%2Fsystem"),
        ("AZ/GOV/10001/sub%2fsystem", "AZ/GOV/10001/sub%2Fsystem"),
        ("AZ/GOV/10001/%70ortal", "AZ/GOV/10001/portal"),
    ],
)
def test_a_client_has_one_spelling_inside(raw: str, expected: str) -> None:
    assert (parse_client(raw), canonical(raw)) == (expected, expected)


@pytest.mark.parametrize("raw", ["", "AZ", "AZ/GOV", "AZ/GOV//x", "AZ/GOV/a/b/c", "AZ/GOV/%zz/b"])
def test_what_is_no_client_is_refused(raw: str) -> None:
    with pytest.raises(Fault) as refused:
        parse_client(raw)
    assert refused.value.kind is Kind.INTERNAL_ERROR


def test_the_path_behind_the_service_stays_raw() -> None:
    found = parse_target("/r1/AZ/GOV/1/a/b/x%2Fy//z/../%C3%BC?q=%20&&r")

    assert (found.service, found.code) == ("AZ/GOV/1/a/b", "b")
    assert (found.path, found.query) == ("/x%2Fy//z/../%C3%BC", "?q=%20&&r")


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("/base/", "/x", "/base/x"),
        ("/base", "/x", "/base/x"),
        ("/base", "", "/base?q"),
        ("", "", "/?q"),
        ("/base/", "", "/base/?q"),
    ],
)
def test_the_address_of_the_service_comes_in_front(base: str, path: str, expected: str) -> None:
    target = parse_target(f"/r1/AZ/GOV/1/a/b{path}" + ("?q" if "?q" in expected else ""))

    assert join(base, target) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("/pub/*", "/pub/1", True),
        ("/pub/*", "/pub/1/2", False),
        ("/pub/**", "/pub/1/2", True),
        ("**", "", True),
        ("/a.c", "/abc", False),
        (r"/a\*", "/a*", True),
        (r"/a\*", "/ab", False),
        ("/pub/*", "/pub/1\n", True),
    ],
)
def test_a_pattern_covers_whole_paths_only(pattern: str, path: str, covered: bool) -> None:
    assert EndpointPattern.of("GET", pattern).covers("GET", path) is covered


@pytest.mark.parametrize(
    "path",
    ["/a/../b", "/a/./b", "/a/%2e%2E/b", "/a%2fb", "/a\\b", "//a", "/..;x/b", "/a%5Cb", "/.."],
)
def test_paths_that_parsers_disagree_about_are_known(path: str) -> None:
    assert is_ambiguous(path)


def test_a_path_may_not_leave_the_address_of_its_service() -> None:
    paths = ("/a/../b", "/../b", "/a/..%2f../b", "/a/%2e%2e/../b")

    assert [leaves_base(path) for path in paths] == [False, True, True, True]


def test_a_fault_is_spelt_by_the_settings() -> None:
    fault = client_fault(Kind.UNKNOWN_MEMBER, "x")
    styles = [FaultStyle(), FaultStyle(classic_codes=True, xroad_statuses=True)]

    assert [(style.code(fault), style.status(fault)) for style in styles] == [
        ("server.clientproxy.unknown_member", 404),
        ("Server.ClientProxy.UnknownMember", 500),
    ]


def test_a_fault_is_xml_for_who_lists_xml_anywhere() -> None:
    kinds = [
        render("c", "a<b", "d", accept)[0]
        for accept in (
            b"",
            b"*/*",
            b"application/xml",
            b"text/*;q=0.1",
            b"application/json, text/xml",
            b"application/json;q=1, Application/XML;q=0, text/xml",
        )
    ]

    assert kinds == [
        b"application/json;charset=utf-8",
        b"application/json;charset=utf-8",
        b"application/xml;charset=utf-8",
        b"text/xml;charset=utf-8",
        b"text/xml;charset=utf-8",
        b"application/xml;charset=utf-8",
    ]
    assert b"a&lt;b" in render("c", "a<b", "d", b"text/xml")[1]


@pytest.mark.parametrize("text", ["2026-11-22T09:00:00Z", "2026-11-22T09:00:00.000+00:00", "", "x"])
def test_a_signed_time_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        evidence.parse_time(text)
