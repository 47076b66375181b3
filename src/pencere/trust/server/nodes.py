"""`/ra/nodes`: the state register has a node that joined certified, over its own channel."""

import base64

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid
from pencere.trust.ceremony import Centre
from pencere.trust.server.bodies import bytes_of, text_of
from pencere.trust.server.ra import asked

_MOST_ADDRESSES = 5


async def certify(request: Request) -> Response:
    """Return the certificate for a node's PKCS#10 request, and the chain above it.

    The newest certificate of the same node for the same key is returned again while it lasts.
    """
    state, _, content = await asked(request)
    addresses = content.get("addresses")
    if (
        not isinstance(addresses, list)
        or not 1 <= len(addresses) <= _MOST_ADDRESSES
        or not all(isinstance(one, str) and 1 <= len(one) <= 253 for one in addresses)
    ):
        raise Invalid("request.field", field="addresses")
    centre = Centre(state.config.issuance, state.config.keystore, state.config.pki)
    encoded = bytes_of(content.get("request"), "request")
    body, name = text_of(content, "body", longest=60), text_of(content, "name", longest=64)
    organization = text_of(content, "organization")

    def work() -> list[str]:
        chain = centre.issue_node_certificate(
            encoded, body=body, organization=organization, name=name, addresses=tuple(addresses)
        )
        return [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]

    return JSONResponse({"chain": await run_in_threadpool(work)})


routes = [Route("/ra/nodes", certify, methods=["POST"], name="ra_nodes")]
