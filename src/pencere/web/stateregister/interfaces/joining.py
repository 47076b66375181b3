"""How nodes speak to the register: they join, and change their certificates. JSON over HTTP.

Nobody signs in here: a token, or a key that the directory names, says who it is.
docs/specs/joining.md.
"""

import base64
import binascii
import json
import logging
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from pencere.kernel.errors import Invalid, PencereError
from pencere.ops.addresses import Addresses
from pencere.web.certification.centre import centre
from pencere.web.rules import public, rule
from pencere.web.stateregister.domain import joining, node_certificates, traffic
from pencere.web.stateregister.models import Body

log = logging.getLogger(__name__)
_LARGEST = 64 * 1024
_LARGEST_REPORT = 4 * 1024 * 1024


@csrf_exempt
@rule(public)
@require_POST
def join(request: HttpRequest) -> JsonResponse:
    """Register a node that shows its token: 200 with what it needs, or why not."""
    try:
        content = _content(request)
        joined = joining.join(
            joining.Asked(
                token=_text(content, "token"),
                address=_text(content, "address"),
                request=_bytes(content, "request"),
                node=_text(content, "node", is_needed=False),
            ),
            certify=_certify,
            at=settings.CLOCK.now(),
        )
    except PencereError as problem:
        return _refusal(problem)
    installation = settings.INSTALLATION
    addresses = Addresses.of(installation)
    return JsonResponse(
        {
            "node": joined.node.identifier,
            "name": joined.node.name,
            "chain": [_encoded(one) for one in joined.chain],
            "root": (installation.pki / "root.crt").read_text(encoding="ascii"),
            "directory_url": f"{addresses.office}/stateregister/directory.jws",
            "tsa_url": addresses.time_stamps,
            "enrolment_url": addresses.enrolment,
            "serves": list(joining.listing().get(id=content["token"].split(".")[1]).serves),
        }
    )


@csrf_exempt
@rule(public)
@require_POST
def certificates(request: HttpRequest) -> JsonResponse:
    """Add or remove a certificate of the node whose key signed the request."""
    try:
        jws = _text(_content(request), "jws", longest=_LARGEST)
        anchors = x509.load_pem_x509_certificates(
            (settings.INSTALLATION.pki / "root.crt").read_bytes()
        )
        done = node_certificates.change(jws, anchors=anchors, at=settings.CLOCK.now())
    except PencereError as problem:
        return _refusal(problem)
    return JsonResponse({"done": done})


@csrf_exempt
@rule(public)
@require_POST
def traffic_report(request: HttpRequest) -> JsonResponse:
    """Take what a node counted, signed with its key."""
    try:
        jws = _text(_content(request, _LARGEST_REPORT), "jws", longest=_LARGEST_REPORT)
        anchors = x509.load_pem_x509_certificates(
            (settings.INSTALLATION.pki / "root.crt").read_bytes()
        )
        done = traffic.reported(jws, anchors=anchors, at=settings.CLOCK.now())
    except PencereError as problem:
        return _refusal(problem)
    return JsonResponse({"done": done})


def _certify(body: Body, node: str, host: str, request: bytes) -> Sequence[x509.Certificate]:
    answer = centre().post(
        "/ra/nodes",
        {
            "body": body.id,
            "organization": body.names["az"],
            "name": node.rpartition("/")[2],
            "addresses": [host],
            "request": base64.b64encode(request).decode(),
        },
    )
    return [x509.load_der_x509_certificate(base64.b64decode(one)) for one in answer["chain"]]


def _content(request: HttpRequest, largest: int = _LARGEST) -> dict[str, Any]:
    body = request.read(largest + 1)
    if len(body) > largest:
        raise Invalid("request.too_large", limit=largest)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Invalid("request.json") from problem
    if not isinstance(content, dict):
        raise Invalid("request.json")
    return content


def _text(content: dict[str, Any], key: str, *, is_needed: bool = True, longest: int = 400) -> str:
    value = content.get(key, "")
    if not isinstance(value, str) or len(value) > longest or (is_needed and not value):
        raise Invalid("request.field", field=key)
    return value


def _bytes(content: dict[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(_text(content, key, longest=8000), validate=True)
    except binascii.Error as problem:
        raise Invalid("request.field", field=key) from problem


def _encoded(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _refusal(problem: PencereError) -> JsonResponse:
    facts = {key: value for key, value in problem.facts.items() if isinstance(value, str | int)}
    return JsonResponse({"error": problem.code, **facts}, status=problem.status)
