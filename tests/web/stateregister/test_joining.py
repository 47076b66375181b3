"""A node joins with a token, once; what does not fit is refused and leaves an act."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from django.test import Client, override_settings

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Invalid, PencereError
from pencere.trust import signed_json
from pencere.trust.profile import load_profile
from pencere.trust.signers import SoftwareSigner
from pencere.web.stateregister.domain import directory, joining, node_certificates, traffic
from pencere.web.stateregister.models import Act, Body, Node, RevokedCertificate

NODE, ROOT = "AZ/GOV/dma/node", "ab" * 32
ADDRESS = "10.20.1.5:5500"


class Issuer:
    """An authority of nodes that lives as long as a test."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nodes of a test")])
        usage = _usage("key_cert_sign", "crl_sign")
        self.root = (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = self.clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=30))
        )

    def certify(
        self, body: str, key: ec.EllipticCurvePublicKey, host: str = "10.20.1.5"
    ) -> x509.Certificate:
        profile = load_profile("tls-node")
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRAZ-{body}")])
        assert profile.extended_key_usage is not None
        purposes = [x509.ObjectIdentifier(one) for one in profile.extended_key_usage.purposes]
        policies = [
            x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in profile.policies
        ]
        return (
            self._builder(subject, key)
            .add_extension(_usage(*profile.key_usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.CertificatePolicies(policies), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )

    def __call__(
        self, body: Body, node: str, host: str, request: bytes
    ) -> Sequence[x509.Certificate]:
        del node
        key = x509.load_der_x509_csr(request).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return [self.certify(body.id, key, host), self.root]


def _usage(*names: str) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


def request_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer(clock: FixedClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def token(founded: None, clock: FixedClock) -> Callable[..., str]:
    def make(node: str = NODE, **changes: Any) -> str:
        given: dict[str, Any] = {"serves": ["dma/employment"], "root_sha256": ROOT} | changes
        body = Body.objects.get(id="dma")
        return joining.make(body, node=node, at=clock.now(), **given)[1]

    return make


@pytest.fixture
def join(clock: FixedClock, issuer: Issuer) -> Callable[..., joining.Joined]:
    def ask(
        text: str, key: ec.EllipticCurvePrivateKey, address: str = ADDRESS, node: str = ""
    ) -> joining.Joined:
        asked = joining.Asked(text, address, request_of(key), node)
        return joining.join(asked, certify=issuer, at=clock.now())

    return ask


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(PencereError) as told:
        work()
    return told.value.code


def acts(kind: str) -> list[tuple[str, str]]:
    return list(Act.objects.filter(about="node", kind=kind).values_list("subject", "reason"))


def test_a_node_that_joins_is_in_the_directory_with_its_key_its_systems_and_its_cluster(
    token: Callable[..., str], join: Callable[..., joining.Joined], key: ec.EllipticCurvePrivateKey
) -> None:
    joined = join(token(name="dma-cluster"), key)
    found = next(one for one in directory.directory_content("AZ")["nodes"] if one["id"] == NODE)
    fingerprint = joined.chain[0].fingerprint(hashes.SHA256()).hex()
    assert (found["address"], found["serves"], found["name"]) == (
        ADDRESS, ["AZ/GOV/dma/employment"], "dma-cluster",
    )  # fmt: skip
    assert [(one["use"], one["sha256"]) for one in found["certificates"]] == [
        ("tls", fingerprint),
        ("sign", fingerprint),
    ]
    assert acts("joined") == [(NODE, "")]


def test_the_same_key_may_ask_again_after_a_broken_connection_and_another_key_may_not(
    token: Callable[..., str], join: Callable[..., joining.Joined], key: ec.EllipticCurvePrivateKey
) -> None:
    text = token()
    join(text, key)
    join(text, key)
    thief = ec.generate_private_key(ec.SECP256R1())
    assert refused(lambda: join(text, thief)) == "joining.used"
    assert acts("join-refused") == [(NODE, "joining.used")]
    assert Node.objects.filter(identifier=NODE).count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("expired", "joining.expired"),
        ("ended", "joining.ended"),
        ("other node", "joining.other_node"),
        ("other host", "joining.host"),
        ("address of another node", "joining.address_taken"),
        ("broken", "joining.token"),
        ("no port", "joining.address"),
    ],
)
def test_a_token_that_does_not_fit_is_refused_with_its_reason(
    change: str,
    code: str,
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    clock: FixedClock,
) -> None:
    text = token(hosts=["10.20.1.5"] if change == "other host" else [])
    given: dict[str, str] = {}
    if change == "expired":
        clock.advance(joining.LIFETIME)
    elif change == "ended":
        joining.end(text.split(".")[1], by=None, at=clock.now())
    elif change == "other node":
        given["node"] = "AZ/GOV/bpqmi/node"
    elif change == "other host":
        given["address"] = "10.20.1.6:5500"
    elif change == "address of another node":
        Node.objects.create(identifier="AZ/GOV/dyp/node", address=ADDRESS)
    elif change == "broken":
        text = text.replace(text.split(".")[2], "A" * 43)
    else:
        given["address"] = "10.20.1.5"
    assert refused(lambda: join(text, key, **given)) == code
    assert not Node.objects.filter(identifier=NODE).exists()
    assert acts("join-refused") == [(NODE, code)]


def test_a_request_that_does_not_prove_its_key_is_refused(
    token: Callable[..., str], clock: FixedClock, issuer: Issuer, key: ec.EllipticCurvePrivateKey
) -> None:
    broken = bytearray(request_of(key))
    broken[-1] ^= 1
    for request, code in ((bytes(broken), "joining.unproven"), (b"no", "joining.request")):
        asked = joining.Asked(token(), ADDRESS, request)

        def ask(asked: joining.Asked = asked) -> object:
            return joining.join(asked, certify=issuer, at=clock.now())

        assert refused(ask) == code


def test_two_nodes_cannot_have_one_identity_nor_one_key(
    token: Callable[..., str], join: Callable[..., joining.Joined], key: ec.EllipticCurvePrivateKey
) -> None:
    first, second = token(), token()
    join(first, key)
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(lambda: join(second, other)) == "joining.identity_taken"
    assert refused(token) == "joining.identity_taken"
    twin = token("AZ/GOV/dma/node-2", name="dma")
    assert refused(lambda: join(twin, key, "10.20.1.6:5500")) == "joining.key_taken"


def test_a_node_that_is_replaced_loses_its_certificates(
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    clock: FixedClock,
) -> None:
    before = join(token(), key).chain[0].fingerprint(hashes.SHA256()).hex()
    join(token(replaces=True), ec.generate_private_key(ec.SECP256R1()))
    assert node_certificates.revoked(clock.now()) == [before]
    (node,) = Node.objects.filter(identifier=NODE)
    assert before not in {node_certificates.fingerprint(one) for one in node.certificates}


@pytest.mark.parametrize("node", ["AZ/GOV/dyp/node", "AZ/GOV/dma/", "AZ/GOV/dma/a/b", "dma/node"])
def test_a_token_is_only_for_nodes_of_its_body(node: str, token: Callable[..., str]) -> None:
    with pytest.raises(Invalid, match=r"joining\.node"):
        token(node)


def change(
    issuer: Issuer, signer: ec.EllipticCurvePrivateKey, certificate: x509.Certificate,
    said: dict[str, Any],
) -> str:  # fmt: skip
    given = {"node": NODE, "time": issuer.clock.now().isoformat()} | said
    jws = signed_json.sign(given, SoftwareSigner(signer, (certificate, issuer.root)))
    return node_certificates.change(jws, anchors=[issuer.root], at=issuer.clock.now())


def added(issuer: Issuer, key: ec.EllipticCurvePrivateKey, body: str = "dma") -> dict[str, Any]:
    made = issuer.certify(body, key.public_key())
    proof = key.sign(node_certificates.proof_text(NODE, made), ec.ECDSA(hashes.SHA256()))
    return {
        "act": "add",
        "chain": [
            base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in (made, issuer.root)
        ],
        "proof": base64.b64encode(proof).decode(),
    }


def fingerprints() -> list[str]:
    (node,) = Node.objects.filter(identifier=NODE)
    return list(dict.fromkeys(node_certificates.fingerprint(one) for one in node.certificates))


def test_a_new_certificate_enters_beside_the_old_and_the_old_one_leaves_when_the_new_asks(
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
) -> None:
    old = join(token(), key).chain[0]
    following = ec.generate_private_key(ec.SECP256R1())
    said = added(issuer, following)
    assert change(issuer, key, old, said) == "added"
    assert change(issuer, key, old, said) == "unchanged"
    new = x509.load_der_x509_certificate(base64.b64decode(said["chain"][0]))
    names = [one.fingerprint(hashes.SHA256()).hex() for one in (old, new)]
    assert fingerprints() == names
    assert (
        refused(lambda: change(issuer, following, new, {"act": "remove", "sha256": names[1]}))
        == "node.in_use"
    )
    assert change(issuer, following, new, {"act": "remove", "sha256": names[0]}) == "removed"
    assert fingerprints() == names[1:]


def spki(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def test_the_directory_names_the_key_of_a_nodes_ledger_as_the_node_told_it(
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
) -> None:
    own = join(token(), key).chain[0]
    origin, ledger = f"pencere.az/{NODE}", ec.generate_private_key(ec.SECP256R1())
    said = {"act": "ledger", "origin": origin, "key": spki(ledger)}
    Node.objects.create(
        identifier="AZ/GOV/x/y", address="x:1", ledger={"origin": "pencere.az/x", "key": "AA=="}
    )

    told = [change(issuer, key, own, said), change(issuer, key, own, said)]
    wrong = [
        refused(lambda changes=changes: change(issuer, key, own, said | changes))
        for changes in (
            {"key": "AA=="}, {"key": spki(ec.generate_private_key(ec.SECP384R1()))},
            {"origin": "pencere.az/\n"}, {"origin": "pencere.az/x"},
        )
    ]  # fmt: skip

    assert told == ["named", "unchanged"]
    assert wrong == ["node.ledger", "node.ledger", "node.ledger", "node.ledger_taken"]
    (named,) = [one for one in directory.directory_content("AZ")["nodes"] if one["id"] == NODE]
    assert named["ledger"] == {"origin": origin, "key": spki(ledger)}
    assert acts("ledger-named") == [(NODE, "")]


def test_a_certificate_is_not_taken_from_a_stranger_a_revoked_key_or_a_wrong_clock(
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
    clock: FixedClock,
) -> None:
    own = join(token(), key).chain[0]
    other = ec.generate_private_key(ec.SECP256R1())
    foreign = issuer.certify("dyp", other.public_key())
    late = (clock.now() - timedelta(minutes=6)).isoformat()
    unproven = added(issuer, other) | {"proof": base64.b64encode(b"no").decode()}
    told = [
        refused(lambda: change(issuer, other, foreign, added(issuer, other))),
        refused(lambda: change(issuer, key, own, added(issuer, other, body="dyp"))),
        refused(lambda: change(issuer, key, own, added(issuer, other) | {"time": late})),
        refused(lambda: change(issuer, key, own, unproven)),
    ]
    node_certificates.revoke(own.fingerprint(hashes.SHA256()).hex(), why="lost", at=clock.now())
    told.append(refused(lambda: change(issuer, key, own, added(issuer, other))))
    assert told == [
        "node.certificate", "node.holder", "node.clock", "node.new_certificate",
        "node.certificate",
    ]  # fmt: skip
    assert RevokedCertificate.objects.count() == 1


def test_counts_of_a_day_are_counted_once_however_often_they_are_collected(
    db: None, clock: FixedClock
) -> None:
    today = clock.now().date().isoformat()
    row = {
        "day": today, "consumer": "AZ/GOV/idda/portal", "service": "AZ/GOV/dma/employment/jobs",
        "outcome": "answered", "count": 3,
    }  # fmt: skip

    def ask(*_: object) -> dict[str, Any]:
        return {"traffic": [row, row | {"outcome": "interrupted", "count": 1}]}

    for _ in range(2):
        assert traffic.collect_all([(NODE, ask)], at=clock.now()) == {NODE: 2}
    day = clock.now().date()
    pair = (day, "idda/portal", "dma/employment", "jobs")
    assert traffic.counts(day, day) == [
        traffic.TrafficCount(*pair, "fault", 1),
        traffic.TrafficCount(*pair, "ok", 3),
    ]
    assert traffic.last_collected() == clock.now()


def test_a_node_that_joined_tells_its_own_counts_and_nobody_elses(
    token: Callable[..., str],
    join: Callable[..., joining.Joined],
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
) -> None:
    own = join(token(), key).chain[0]
    day = issuer.clock.now().date()
    row = {
        "day": day.isoformat(), "consumer": "AZ/GOV/idda/portal",
        "service": "AZ/GOV/dma/employment/jobs", "outcome": "answered", "count": 3,
    }  # fmt: skip

    def tell(signer: ec.EllipticCurvePrivateKey = key, **changes: Any) -> int:
        said = {"node": NODE, "time": issuer.clock.now().isoformat(), "from": row["day"],
                "to": row["day"], "traffic": [row]} | changes  # fmt: skip
        jws = signed_json.sign(said, SoftwareSigner(signer, (own, issuer.root)))
        return traffic.reported(jws, anchors=[issuer.root], at=issuer.clock.now())

    assert [tell(), tell(traffic=[row | {"count": 5}])] == [1, 1]
    far = (day - timedelta(days=60)).isoformat()
    wrong = [
        {"traffic": [row | {"service": "AZ/GOV/mia/population/person"}]}, {"from": far},
        {"traffic": [row | {"day": far}]}, {"traffic": "x"}, {"to": None},
        {"traffic": [row | {"count": -1}]},
    ]  # fmt: skip
    told = [refused(lambda changes=changes: tell(**changes)) for changes in wrong]
    assert told == ["traffic.malformed"] * 6
    assert refused(lambda: tell(ec.generate_private_key(ec.SECP256R1()))) != "traffic.malformed"
    assert traffic.counts(day, day) == [
        traffic.TrafficCount(day, "idda/portal", "dma/employment", "jobs", "ok", 5)
    ]


def test_a_node_that_reports_nonsense_changes_nothing(db: None, clock: FixedClock) -> None:
    def ask(*_: object) -> dict[str, Any]:
        return {"traffic": [{"day": "2020-01-01", "consumer": "a", "service": "b"}]}

    assert traffic.collect_all([(NODE, ask)], at=clock.now()) == {}


@override_settings(ROOT_URLCONF="pencere.web.urls.office")
def test_the_interface_of_nodes_says_why_it_refuses(db: None) -> None:
    asked = {"token": "pnj1.x.y.z", "address": ADDRESS, "request": "AAAA"}
    for content, status, code in (
        (json.dumps(asked), 403, "joining.token"),
        (json.dumps(asked | {"address": 5}), 400, "request.field"),
        ("[]", 400, "request.json"),
        ("{" * 70_000, 400, "request.too_large"),
    ):
        answer = Client().post(
            "/stateregister/nodes/join", content, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["error"]) == (status, code)
