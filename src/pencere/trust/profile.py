"""What a certificate of each kind contains, read from `profiles/*.yaml`.

A profile is data that can be reviewed by someone who does not program: RFC 5280 and the
EN 319 412 family say what stands in it; the page is docs/specs/certificates.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from pencere.kernel.errors import Misconfigured

ISSUING = ("issuing-person", "issuing-seal", "issuing-infrastructure")
AUTHORITIES = ("root", *ISSUING)


@dataclass(frozen=True)
class Statements:
    """QCStatements of EN 319 412-5; the semantics identifier of EN 319 412-1 section 5."""

    compliance: bool = False
    device: bool = False
    type: str | None = None
    disclosure: bool = False
    legislation: bool = False
    semantics: str | None = None


@dataclass(frozen=True)
class Purposes:
    """Extended key usage."""

    purposes: tuple[str, ...]
    critical: bool = False


@dataclass(frozen=True)
class Status:
    """Which pointers to status and issuer the certificate carries."""

    ocsp: bool = False
    issuer: bool = False
    crl: bool = False


@dataclass(frozen=True)
class Profile:
    """One kind of certificate. `issuer` is an authority's name, `self` or `any`.

    `curve` names the algorithm of keys that the centre makes for it, `accepts` those of keys that
    others bring. `practice_statement` adds a pointer to it, on which the linter gives notice.
    """

    name: str
    issuer: str
    curve: str
    days: int
    subject: tuple[str, ...]
    key_usage: frozenset[str]
    lint: str
    ca: bool = False
    path_length: int | None = None
    alternative_names: bool = False
    extended_key_usage: Purposes | None = None
    policies: tuple[str, ...] = ()
    statements: Statements | None = None
    status: Status = field(default_factory=Status)
    no_check: bool = False
    accepts: tuple[str, ...] = ("P-256", "P-384", "RSA-3072")
    practice_statement: bool = False
    is_experimental: bool = False


@dataclass(frozen=True)
class Disclosure:
    """A PKI disclosure statement in one language."""

    url: str
    language: str


@dataclass(frozen=True)
class Authority:
    """Who the certification centre is; `names` are the common names of its own certificates."""

    country: str
    organization: str
    organization_identifier: str
    policy_arc: str
    tsa_policy: str
    disclosure_statements: tuple[Disclosure, ...]
    names: Mapping[str, str]
    practice_statement: str = ""
    experimental: bool = False


def _read(name: str) -> dict[str, Any]:
    file = resources.files("pencere.trust") / "profiles" / f"{name}.yaml"
    if not file.is_file():
        raise Misconfigured(file=file, key="profile", value=name, example="seal")
    content: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return content


@cache
def load_authority() -> Authority:
    """Return the authority described in `profiles/authority.yaml`."""
    content = _read("authority")
    content["disclosure_statements"] = tuple(
        Disclosure(**one) for one in content["disclosure_statements"]
    )
    return Authority(**content)


@cache
def load_profile(name: str) -> Profile:
    """Return a profile by name; an unknown key or name is Misconfigured."""
    content = _read(name)
    arc = load_authority().policy_arc
    try:
        authority = content.pop("authority", {})
        usage = content.pop("extended_key_usage", None)
        statements = content.pop("statements", None)
        policies = tuple(str(oid).replace("own.", f"{arc}.") for oid in content.pop("policies", []))
        return Profile(
            name=name,
            ca=bool(authority.get("ca", False)),
            path_length=authority.get("path_length"),
            extended_key_usage=usage
            and Purposes(tuple(map(str, usage["purposes"])), usage.get("critical", False)),
            statements=statements and Statements(**statements),
            policies=policies,
            status=Status(**content.pop("status", {})),
            subject=tuple(content.pop("subject")),
            key_usage=frozenset(content.pop("key_usage")),
            accepts=tuple(content.pop("accepts", ("P-256", "P-384", "RSA-3072"))),
            is_experimental=bool(content.pop("experimental", False)),
            **content,
        )
    except (TypeError, KeyError) as error:
        raise Misconfigured(
            file=f"profiles/{name}.yaml",
            key=str(error),
            value="",
            example="profiles/seal.yaml",
        ) from error
