"""The directory as a node holds it. Payload: docs/specs/directory.md.

Made once from a verified payload, then only read; a new version is a new object, so a
request sees one directory from its first check to its last.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.gateway.directory.builtin import RULES
from pencere.gateway.directory.terms import (
    Quota,
    Rate,
    Suppression,
    parse_fields,
    parse_quota,
    parse_rate,
    parse_suppression,
)
from pencere.gateway.wire.identifiers import canonical, parse_party
from pencere.kernel.errors import Invalid

FORMAT = "pencere-directory/1"
# Names a service may demand, and the header of each.
DEMANDS = {
    "purpose": "Pencere-Purpose",
    "legal-basis": "Pencere-Legal-Basis",
    "case": "Pencere-Case",
    "person": "Pencere-Person",
    "user": "X-Road-UserId",
}


@dataclass(frozen=True, slots=True)
class EndpointPattern:
    r"""A method and a path pattern: `*` within a segment, `**` any, `\` escapes."""

    method: str
    path: str
    expression: re.Pattern[str]

    @classmethod
    def of(cls, method: str, path: str) -> "EndpointPattern":
        """Compile a pattern."""
        return cls(method, path, re.compile(_to_expression(path), re.DOTALL))

    @property
    def is_everything(self) -> bool:
        """Whether it covers every method and path."""
        return self.method == "*" and self.path == "**"

    def covers(self, method: str, path: str) -> bool:
        """Say whether a request of `method` to the raw `path` (without query) is covered."""
        return self.method in {"*", method} and self.expression.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """A member or one of its subsystems; `subsystem` is None for the member itself."""

    identifier: str
    instance: str
    member_class: str
    code: str
    subsystem: str | None
    name: Mapping[str, str]
    subsystem_name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A node: where it is, whom it serves, which certificates are its own.

    Nodes with one `name` serve together.
    """

    identifier: str
    host: str
    port: int
    serves: frozenset[str]
    tls: frozenset[str]
    signing: Mapping[str, ec.EllipticCurvePublicKey]
    name: str = ""
    status: str = ""
    # All of them, those that were revoked too.
    certificates: Mapping[str, x509.Certificate] = field(default_factory=dict)
    # Name and public key (SPKI, DER) of its ledger, as the node itself told the register.
    ledger: tuple[str, bytes] = ("", b"")


@dataclass(frozen=True, slots=True)
class Service:
    """A registered service.

    `consent` is the purpose a person consents to, empty where none is needed; `description` the
    path of its OpenAPI document behind the service's address.
    """

    identifier: str
    provider: str
    code: str
    kind: str
    endpoints: tuple[EndpointPattern, ...]
    demands: tuple[str, ...]
    disabled_notice: str | None
    timeout_s: float
    consent: str = ""
    description: str = ""
    # JSON Schemas of events by the type's name, as they are stated: whether one can be used is
    # found out where an event is published, so that one body's mistake is not everybody's.
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who may ask for what, why, how often, and until when. No endpoints: no right.

    `fields` are the only ones a service may answer with; none named, no narrowing.
    """

    identifier: str
    consumer: str
    service: str
    endpoints: tuple[EndpointPattern, ...]
    purposes: frozenset[str]
    bases: frozenset[str]
    demands: tuple[str, ...]
    represents: frozenset[str]
    first_day: date | None
    last_day: date | None
    rate: Rate | None = None
    quota: Quota | None = None
    fields: tuple[str, ...] = ()
    consent: bool = False

    def is_in_force(self, on: date) -> bool:
        """Say whether it holds on this day of Baku."""
        return (self.first_day is None or self.first_day <= on) and (
            self.last_day is None or on <= self.last_day
        )

    suppress: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """One version of the directory."""

    instance: str
    version: int
    issued_at: datetime
    expires_at: datetime
    members: Mapping[str, Member]
    nodes: Mapping[str, NodeEntry]
    services: Mapping[str, Service]
    agreements: Mapping[tuple[str, str], tuple[Agreement, ...]]
    revoked: frozenset[str] = frozenset()
    # The service at which nodes ask whether a person consented, empty when there is none.
    consent_register: str = ""
    serving: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_tls: Mapping[str, str] = field(default_factory=dict)
    # What was decided under this version, for who asks again.
    decided: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def node_of_certificate(self, sha256_hex: str) -> NodeEntry | None:
        """Return the node whose TLS certificate has this fingerprint."""
        identifier = self.by_tls.get(sha256_hex)
        return self.nodes[identifier] if identifier else None

    def nodes_serving(self, subsystem: str) -> tuple[str, ...]:
        """Return the nodes that serve a subsystem."""
        return self.serving.get(subsystem, ())

    def services_of(self, provider: str) -> list[Service]:
        """Return the services of a subsystem, in order of their code."""
        found = [one for one in self.services.values() if one.provider == provider]
        return sorted(found, key=lambda one: one.code)


def build(payload: Mapping[str, Any]) -> Directory:
    """Return the directory of a verified payload.

    Raises:
        Invalid: `directory.malformed`; says where. Nothing of such a directory is used.
    """
    try:
        return _build(payload)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Invalid(
            "directory.malformed", problem=f"{type(problem).__name__}: {problem}"
        ) from problem


def _build(payload: Mapping[str, Any]) -> Directory:
    if payload["format"] != FORMAT:
        raise ValueError(f"format is {payload['format']!r}, not {FORMAT!r}")
    revoked = frozenset(_fingerprint(one) for one in payload.get("revoked", []))
    nodes = [_node(entry, revoked) for entry in payload["nodes"]]
    by_tls: dict[str, str] = {}
    owners: dict[str, str] = {}
    serving: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        for fingerprint in node.certificates:
            if owners.setdefault(fingerprint, node.identifier) != node.identifier:
                raise ValueError(f"two nodes have the certificate {fingerprint}")
        by_tls |= dict.fromkeys(node.tls, node.identifier)
        for subsystem in sorted(node.serves):
            serving[subsystem] = (*serving.get(subsystem, ()), node.identifier)
    agreements: dict[tuple[str, str], tuple[Agreement, ...]] = {}
    for entry in payload["agreements"]:
        one = _agreement(entry)
        key = (one.consumer, one.service)
        agreements[key] = (*agreements.get(key, ()), one)
    return Directory(
        instance=payload["instance"],
        version=int(payload["version"]),
        issued_at=_instant(payload["issued_at"]),
        expires_at=_instant(payload["expires_at"]),
        members={one.identifier: one for entry in payload["members"] for one in _members(entry)},
        nodes={node.identifier: node for node in nodes},
        services={one.identifier: one for one in map(_service, payload["services"])},
        agreements=agreements,
        revoked=revoked,
        consent_register=canonical(_text(payload.get("consent_register"))),
        serving=serving,
        by_tls=by_tls,
    )


def _members(entry: Mapping[str, Any]) -> list[Member]:
    instance, member_class, code = entry["id"].split("/")
    name = entry["name"]
    found = [Member(canonical(entry["id"]), instance, member_class, code, None, name, {})]
    for subsystem in entry["subsystems"]:
        identifier = canonical(f"{entry['id']}/{_quoted(subsystem['code'])}")
        found.append(
            Member(
                identifier,
                instance,
                member_class,
                code,
                subsystem["code"],
                name,
                subsystem.get("name", {}),
            )
        )
    return found


def _quoted(code: str) -> str:
    return str(code).replace("%", "%25").replace("/", "%2F")


def _node(entry: Mapping[str, Any], revoked: frozenset[str]) -> NodeEntry:
    host, _, port = entry["address"].rpartition(":")
    tls: set[str] = set()
    signing: dict[str, ec.EllipticCurvePublicKey] = {}
    certificates: dict[str, x509.Certificate] = {}
    for one in entry["certificates"]:
        certificate = x509.load_der_x509_certificate(base64.b64decode(one["der"], validate=True))
        fingerprint = fingerprint_of(certificate)
        if fingerprint != one["sha256"]:
            raise ValueError(f"fingerprint of a certificate of {entry['id']} differs")
        certificates[fingerprint] = certificate
        if fingerprint in revoked:
            continue
        if one["use"] == "tls":
            tls.add(fingerprint)
        elif one["use"] == "sign":
            key = certificate.public_key()
            if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
                raise ValueError(f"signing key of {entry['id']} is not P-256")
            signing[fingerprint] = key
    return NodeEntry(
        identifier=canonical(entry["id"]),
        host=host.strip("[]"),
        port=int(port),
        serves=frozenset(canonical(one) for one in entry["serves"]),
        tls=frozenset(tls),
        signing=signing,
        name=entry.get("name") or canonical(entry["id"]),
        status=entry.get("status", ""),
        certificates=certificates,
        ledger=_ledger(entry.get("ledger")),
    )


def _ledger(entry: Mapping[str, str] | None) -> tuple[str, bytes]:
    if entry is None:
        return "", b""
    return str(entry["origin"]), base64.b64decode(entry["key"], validate=True)


def _service(entry: Mapping[str, Any]) -> Service:
    identifier = canonical(entry["id"])
    provider, _, code = entry["id"].rpartition("/")
    if code in RULES:
        raise ValueError(f"{entry['id']}: the node itself answers {code}")
    return Service(
        identifier=identifier,
        provider=canonical(provider),
        code=code,
        kind=entry["type"],
        endpoints=_patterns(entry["endpoints"]),
        demands=_demands(entry["id"], entry["demands"]),
        disabled_notice=entry.get("disabled"),
        timeout_s=float(entry.get("timeout_s", 30)),
        consent=_text(entry.get("consent")),
        description=_text(entry.get("description")),
        schemas=_schemas(entry.get("schemas", {})),
    )


def _agreement(entry: Mapping[str, Any]) -> Agreement:
    return Agreement(
        identifier=entry["id"],
        consumer=canonical(entry["consumer"]),
        service=canonical(entry["service"]),
        endpoints=_patterns(entry["endpoints"]),
        purposes=frozenset(entry["purposes"]),
        bases=frozenset(entry["legal_bases"]),
        demands=_demands(entry["id"], entry.get("demands", [])),
        represents=frozenset(parse_party(one) for one in entry.get("represents", [])),
        first_day=date.fromisoformat(entry["from"]) if entry.get("from") else None,
        last_day=date.fromisoformat(entry["until"]) if entry.get("until") else None,
        rate=parse_rate(entry.get("rate")),
        quota=parse_quota(entry.get("quota")),
        fields=parse_fields(entry.get("fields")),
        consent=_flag(entry.get("consent", False)),
        suppress=parse_suppression(entry.get("suppress")),
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("consent of an agreement is true or false")
    return value


def _schemas(value: object) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise TypeError("schemas of events are objects by the type's name")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str | None):
        raise TypeError("a text is expected")
    return value or ""


def _fingerprint(text: str) -> str:
    if len(bytes.fromhex(text)) != 32:
        raise ValueError("a revoked certificate is named by its SHA-256")
    return text.lower()


def _demands(owner: str, names: list[str]) -> tuple[str, ...]:
    unknown = set(names) - set(DEMANDS)
    if unknown:
        raise ValueError(f"{owner} demands {sorted(unknown)}; known are {list(DEMANDS)}")
    return tuple(names)


def _patterns(pairs: list[list[str]]) -> tuple[EndpointPattern, ...]:
    return tuple(EndpointPattern.of(method, path) for method, path in pairs)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate in lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _to_expression(pattern: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern):
            out.append(re.escape(pattern[at + 1]))
            at += 2
        elif pattern.startswith("**", at):
            out.append(".*")
            at += 2
        elif char == "*":
            out.append("[^/]*")
            at += 1
        else:
            out.append(re.escape(char))
            at += 1
    return "".join(out)
