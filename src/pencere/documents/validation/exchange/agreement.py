"""Whether `about.json` says what was signed: statements, heads, entry of the ledger."""

from urllib.parse import unquote

from pencere.documents.validation.exchange.claims import Claim, Container

_HEADERS = {
    "x-road-client": "consumer",
    "x-road-id": "message_id",
    "pencere-purpose": "purpose",
    "pencere-legal-basis": "legal_basis",
    "pencere-case": "case_number",
    "x-road-represented-party": "represented",
}


def differences(container: Container) -> list[str]:
    """Return the names of what `about.json` says otherwise."""
    about, request = container.about, container.request
    is_provider = about.get("side") == "provider"
    own, other = request.facts["signer"], request.facts["receiver"]
    if is_provider:
        own, other = other, own
    stated = {"exchange": request.facts["exchange"], "node": own, "peer": other}
    stated |= _of_request(request.head, about)
    found = [name for name, value in stated.items() if about.get(name) != value]
    service = str(about.get("service"))
    if about.get("provider") != service.rpartition("/")[0]:
        found.append("provider")
    if about.get("side") not in {"consumer", "provider"}:
        found.append("side")
    for part, claim in (("request", request), ("response", container.response)):
        if claim is not None:
            found += _of_part(about.get(part), claim, part)
    response = container.response
    if response is not None and response.head is not None:
        status = response.head[:3].decode("latin-1")
        if str(about.get("status")) != status:
            found.append("status")
    return found


def _of_request(head: bytes | None, about: object) -> dict[str, str]:
    del about
    if head is None:
        return {}
    lines = head.decode("latin-1").split("\r\n")
    values: dict[str, str] = dict.fromkeys(_HEADERS.values(), "")
    for line in lines[2:]:
        name, _, value = line.partition(":")
        key = _HEADERS.get(name.lower())
        if key is not None:
            values[key] = value.strip()
    method, target = lines[0], lines[1] if len(lines) > 1 else ""
    pieces = [unquote(one) for one in target.partition("?")[0].split("/")[2:7]]
    return {"method": method, "service": "/".join(pieces), **_comparable(values)}


def _comparable(values: dict[str, str]) -> dict[str, str]:
    """Identifiers come percent-encoded in headers, the log has them as the directory does."""
    return {name: unquote(value) if name == "consumer" else value for name, value in values.items()}


def _of_part(given: object, claim: Claim, part: str) -> list[str]:
    assert isinstance(given, dict)  # noqa: S101  # read as one before
    left_out, size = given.get("left_out"), given.get("body_bytes")
    if not isinstance(left_out, list) or type(size) is not int:
        return [part]
    has_head, has_body = claim.head is not None, claim.body is not None
    is_right = (
        has_head is ("head" not in left_out)
        and (not claim.has_body or has_body is not bool({"body", "body_not_kept"} & set(left_out)))
        and claim.has_body is (size > 0)
        and (claim.body is None or len(claim.body) == size)
    )
    return [] if is_right else [part]
