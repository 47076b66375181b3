"""Rights: may this consumer ask this service for this, now. Deny by default.

The order of the checks is X-Road's: the service exists, its type, the right, then whether it is
switched off, so that who has no right does not learn of the notice.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pencere.gateway.directory.builtin import RULES
from pencere.gateway.directory.model import DEMANDS, Agreement, Directory, EndpointPattern, Service
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.identifiers import ServiceTarget

_REMEMBERED = 4_096
_CARRIED_TYPES = frozenset({"REST", "OPENAPI"})
_BUILT_IN_ENDPOINTS = {
    code: tuple(EndpointPattern.of(*pair) for pair in rule.endpoints)
    for code, rule in RULES.items()
}
# In `represents`: whom the consumer likes, as X-Road has it. The sandbox's default.
ANYBODY = "*"
EXAMPLES = {
    "Pencere-Purpose": "identify",
    "Pencere-Legal-Basis": "personal-data-law",
    "Pencere-Case": "2026-000123",
    "Pencere-Person": "1AB2C3D",
    "X-Road-UserId": "AZ1AB2C3D",
    "X-Road-Represented-Party": "GOV/dyp",
}


class Question(NamedTuple):
    """One request as the rights see it. Header values are empty when absent."""

    consumer: str
    target: ServiceTarget
    method: str
    on: date
    purpose: str = ""
    legal_basis: str = ""
    given: frozenset[str] = frozenset()
    represented: str = ""
    hides: bool = False


class Grant(NamedTuple):
    """A yes: by which agreement, and which endpoint of it. None for metadata."""

    service: Service
    agreement: str
    endpoint: str
    terms: Agreement | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """For an operator: the outcome and what each agreement said."""

    is_allowed: bool
    code: str
    reasons: tuple[str, ...]
    terms: Agreement | None = None


def decide(directory: Directory, question: Question) -> Grant:
    """Return the grant, or raise the fault that says why not.

    One version of the directory answers the same question always the same, so a grant is
    remembered with it.
    """
    target = question.target
    # Without the query, which decides nothing and may say anything.
    key = question._replace(target=target._replace(query="") if target.query else target)
    grant: Grant | None = directory.decided.get(key)
    if grant is None:
        grant = _decide(directory, question)
        if len(directory.decided) >= _REMEMBERED:
            directory.decided.clear()
        directory.decided[key] = grant
    return grant


def _decide(directory: Directory, question: Question) -> Grant:
    service = _service(directory, question.target, question.method)
    if service.kind not in _CARRIED_TYPES:
        raise server_fault(
            Kind.SERVICE_TYPE, f"Service {service.identifier} is of type {service.kind}, not REST"
        )
    rule = RULES.get(question.target.code)
    if rule is not None and not rule.needs_agreement:
        return Grant(service, "", f"{question.method} {question.target.code}")
    grant = _right(directory, question, service)
    if service.disabled_notice is not None:
        raise server_fault(
            Kind.SERVICE_DISABLED,
            f"Service {service.identifier} is disabled: {service.disabled_notice}",
        )
    return grant


def explain(directory: Directory, question: Question) -> Explanation:
    """Say why a request is refused, or by which agreement it is allowed."""
    try:
        grant = decide(directory, question)
    except Fault as fault:
        return Explanation(False, fault.code, fault.reasons or (fault.message,))
    if grant.terms is None:
        return Explanation(True, "", ("open",))
    allowed = f"agreement {grant.agreement} allows {grant.endpoint}"
    return Explanation(True, "", (allowed, *_terms(grant.service, grant.terms)), grant.terms)


def _terms(service: Service, terms: Agreement) -> list[str]:
    """Say what may still stop a request that the agreement allows, or narrow its answer."""
    said: list[str] = []
    if terms.rate is not None:
        said.append(f"at most {terms.rate.per_second:g} a second, {terms.rate.burst} at once")
    if terms.quota is not None:
        said.append(f"at most {terms.quota.count} a {terms.quota.per}")
    if terms.fields:
        said.append(f"answered with the fields {', '.join(terms.fields)} alone")
    if service.consent or terms.consent:
        said.append("the person must have consented")
    if terms.last_day is not None:
        said.append(f"until {terms.last_day}")
    return said


def _service(directory: Directory, target: ServiceTarget, method: str) -> Service:
    rule = RULES.get(target.code)
    if rule is not None and rule.answers(method):
        return Service(
            identifier=target.service,
            provider=target.provider,
            code=target.code,
            kind="REST",
            endpoints=_BUILT_IN_ENDPOINTS[target.code],
            demands=rule.demands,
            disabled_notice=None,
            timeout_s=30.0,
        )
    service = directory.services.get(target.service)
    if service is None:
        raise server_fault(Kind.UNKNOWN_SERVICE, f"Service {target.service} is not registered")
    return service


def _right(directory: Directory, question: Question, service: Service) -> Grant:
    agreements = directory.agreements.get((question.consumer, service.identifier), ())
    reasons: list[str] = []
    missing: list[str] = []
    for agreement in agreements:
        endpoint = _covering(agreement, question)
        if isinstance(endpoint, str):
            reasons.append(f"agreement {agreement.identifier}: {endpoint}")
            continue
        problem = (
            _purpose_problem(agreement, question)
            or _party_problem(directory, agreement, question.represented)
            or _hiding_problem(agreement, question)
        )
        if problem:
            reasons.append(f"agreement {agreement.identifier}: {problem}")
            continue
        lacking = _missing(service, agreement, question)
        if lacking:
            missing = missing or lacking
            reasons.append(f"agreement {agreement.identifier}: needs {', '.join(lacking)}")
            continue
        return Grant(service, agreement.identifier, f"{endpoint.method} {endpoint.path}", agreement)
    if missing:
        header = missing[0]
        raise server_fault(
            Kind.MISSING_HEADER,
            f"Header {header} is missing; service {service.identifier} demands it."
            f" Example: {header}: {EXAMPLES[header]}",
            reasons=tuple(reasons),
        )
    if not agreements:
        reasons.append(
            f"there is no agreement of {question.consumer} about {service.identifier}"
            " in the state register"
        )
    raise server_fault(
        Kind.ACCESS_DENIED,
        f"Request is not allowed: {question.consumer} -> {service.identifier}: "
        + "; ".join(reasons),
        reasons=tuple(reasons),
    )


def _covering(  # noqa: PLR0911
    agreement: Agreement, question: Question
) -> EndpointPattern | str:
    """Return the endpoint of the agreement that covers the request, or why none does."""
    if agreement.first_day is not None and question.on < agreement.first_day:
        return f"is in force from {agreement.first_day}"
    if agreement.last_day is not None and question.on > agreement.last_day:
        return f"ended on {agreement.last_day}"
    path = question.target.path
    restricted = False
    for endpoint in agreement.endpoints:
        if endpoint.is_everything:
            if leaves_base(path):
                return "the path leaves the address of the service"
            return endpoint
        # One parse: a path that a service may read differently than we do is not matched.
        if is_ambiguous(path):
            restricted = True
            continue
        if endpoint.covers(question.method, path):
            return endpoint
    if restricted:
        return "dot segments and encoded slashes are refused where single endpoints are agreed"
    # The path may name a person in services of others, so it is not repeated.
    return f"covers no endpoint for this {question.method} request"


def _missing(service: Service, agreement: Agreement, question: Question) -> list[str]:
    needed = [DEMANDS[name] for name in dict.fromkeys(service.demands + agreement.demands)]
    if agreement.purposes and "Pencere-Purpose" not in needed:
        needed.append("Pencere-Purpose")
    if agreement.bases and "Pencere-Legal-Basis" not in needed:
        needed.append("Pencere-Legal-Basis")
    return [header for header in needed if header not in question.given]


def _purpose_problem(agreement: Agreement, question: Question) -> str:
    given = question.given
    if (
        agreement.purposes
        and "Pencere-Purpose" in given
        and question.purpose not in agreement.purposes
    ):
        return f"does not cover this purpose; it covers {', '.join(sorted(agreement.purposes))}"
    if (
        agreement.bases
        and "Pencere-Legal-Basis" in given
        and question.legal_basis not in agreement.bases
    ):
        return f"rests on another legal basis: {', '.join(sorted(agreement.bases))}"
    return ""


def _hiding_problem(agreement: Agreement, question: Question) -> str:
    """Say why the access may not be kept from the person."""
    if not question.hides:
        return ""
    if agreement.suppress is None:
        return "does not allow to hide an access from the person"
    if question.legal_basis not in agreement.suppress.bases:
        return f"allows to hide accesses on {', '.join(sorted(agreement.suppress.bases))} alone"
    return ""


def _party_problem(directory: Directory, agreement: Agreement, party: str) -> str:
    """Say why the consumer may not ask in the name of `party`; the agreement may list who."""
    if not party:
        return ""
    if agreement.represents:
        if party in agreement.represents or ANYBODY in agreement.represents:
            return ""
        return f"may be used for {', '.join(sorted(agreement.represents))}, not for this party"
    if f"{directory.instance}/{party}" in directory.members:
        return ""
    return "the represented party is no member of the directory"


def is_ambiguous(path: str) -> bool:
    """Say whether a path holds what parsers disagree about: dots, encoded slashes, backslashes."""
    lower = path.lower()
    if "%2f" in lower or "%5c" in lower or "\\" in path or "%00" in lower or "//" in path:
        return True
    return any(_is_dots(segment) for segment in lower.split("/"))


def leaves_base(path: str) -> bool:
    """Say whether following the dots of a path leads above where it starts."""
    depth = 0
    for segment in (
        path.lower().replace("\\", "/").replace("%5c", "/").replace("%2f", "/").split("/")[1:]
    ):
        plain = segment.replace("%2e", ".").split(";", 1)[0]
        if plain == "..":
            depth -= 1
        elif plain not in {".", ""}:
            depth += 1
        if depth < 0:
            return True
    return False


def _is_dots(segment: str) -> bool:
    # "..;x" is ".." to servers that strip path parameters.
    return segment.replace("%2e", ".").split(";", 1)[0] in {".", ".."}
