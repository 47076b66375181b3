"""`/acme/...`: RFC 8555 with external account binding, http-01, RFC 8738 and RFC 9773."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import PencereError
from pencere.trust import store
from pencere.trust.acme import (
    accounts,
    bindings,
    identifiers,
    jose,
    orders,
    requests,
    revocations,
)
from pencere.trust.acme.accounts import Account
from pencere.trust.acme.problems import Problem, of_row
from pencere.trust.server.acme_calls import (
    Answer,
    Call,
    Handler,
    language_of,
    refusal,
    respond,
    signed,
)
from pencere.trust.server.machines import Machines, machines_of

log = logging.getLogger(__name__)

RENEWAL_INFO_EVERY_S = 6 * 3600
PROFILES = {
    "tls-service": "https://pencere.az/docs/specs/certificates.html#profiles",
    "tls-node": "https://pencere.az/docs/specs/certificates.html#profiles",
}


async def directory(request: Request) -> Response:
    """Name the resources (section 7.1.1)."""
    url = machines_of(request).url
    return JSONResponse(
        {
            "newNonce": url("/acme/new-nonce"),
            "newAccount": url("/acme/new-account"),
            "newOrder": url("/acme/new-order"),
            "revokeCert": url("/acme/revoke-cert"),
            "keyChange": url("/acme/key-change"),
            "renewalInfo": url("/acme/renewal-info"),
            "meta": {"externalAccountRequired": True, "profiles": PROFILES},
        },
        headers={"Cache-Control": "max-age=300"},
    )


async def new_nonce(request: Request) -> Response:
    """Give a nonce (section 7.2)."""
    return respond(machines_of(request), Answer(status=200 if request.method == "HEAD" else 204))


async def renewal_info(request: Request) -> Response:
    """Say when to renew (RFC 9773); open to everyone."""
    machines, identifier = machines_of(request), str(request.path_params["id"])

    def work() -> Answer:
        with machines.connect() as connection:
            certificate = revocations.of_id(connection, identifier)
            window = revocations.window(connection, certificate, at=machines.clock.now())
        return Answer(window.as_json(), headers={"Retry-After": str(RENEWAL_INFO_EVERY_S)})

    try:
        answer = await run_in_threadpool(work)
    except Exception as error:
        answer = refusal(error, language_of(request))
    return respond(machines, answer)


def new_account(call: Call) -> Answer:
    """Open an account, or find the one of this key (section 7.3)."""
    content, machines = call.message.json(), call.machines
    assert call.jwk is not None  # noqa: S101 -- the route is for keys only
    with machines.connect() as connection:
        account = accounts.of_key(connection, call.jwk)
        status = 200
        if account is None:
            if content.get("onlyReturnExisting") is True:
                raise Problem("accountDoesNotExist", "account_missing")
            binding = bindings.verify(
                connection,
                machines.keys,
                content.get("externalAccountBinding"),
                jwk=call.jwk,
                url=call.message.url,
                at=call.at,
            )
            account = accounts.create(
                connection,
                binding,
                jwk=call.jwk,
                eab=content["externalAccountBinding"],
                contact=accounts.read_contact(content.get("contact")),
                at=call.at,
            )
            status = 201
        elif account.status != "valid":
            raise Problem("unauthorized", "account_closed")
    location = machines.url(f"/acme/account/{account.id}")
    return Answer(_account(machines, account), status, {"Location": location})


def change_account(call: Call) -> Answer:
    """Show, change, or deactivate an account (sections 7.3.2, 7.3.6)."""
    _refuse_other_account(call)
    if call.message.payload:
        content = call.message.json()
        with call.machines.connect() as connection:
            if content.get("status") == "deactivated":
                accounts.deactivate(connection, call.own)
            elif "contact" in content:
                contact = accounts.read_contact(content["contact"])
                accounts.change_contact(connection, call.own, contact)
    with call.machines.connect() as connection:
        account = accounts.of_key(connection, call.own.jwk)
    assert account is not None  # noqa: S101 -- it was read a moment ago
    return Answer(_account(call.machines, account))


def list_orders(call: Call) -> Answer:
    """List the newest orders of an account (section 7.1.2.1)."""
    _refuse_other_account(call)
    with call.machines.connect() as connection:
        found = orders.of_account(connection, call.own.id)
    return Answer({"orders": [call.machines.url(f"/acme/order/{one}") for one in found]})


def change_key(call: Call) -> Answer:
    """Give the account another key (section 7.3.5)."""
    inner = jose.read_message(call.message.payload)
    if not isinstance(inner.header.get("jwk"), dict) or {"kid", "nonce"} & set(inner.header):
        raise Problem("malformed", "jws_header")
    jwk: dict[str, Any] = inner.header["jwk"]
    inner.verify(jose.read_key(jwk))
    content, own = inner.json(), call.machines.url(f"/acme/account/{call.own.id}")
    if inner.url != call.message.url or content.get("account") != own:
        raise Problem("malformed", "jws_header")
    old = content.get("oldKey")
    if not isinstance(old, dict) or jose.thumbprint(old) != call.own.thumbprint:
        raise Problem("malformed", "field", field="oldKey")
    with call.machines.connect() as connection:
        if (there := accounts.of_key(connection, jwk)) is not None:
            taken = Problem("conflict", "key_taken")
            location = call.machines.url(f"/acme/account/{there.id}")
            return Answer(
                taken.document(call.language),
                taken.http_status,
                {"Location": location},
                "application/problem+json",
            )
        accounts.change_key(connection, call.own, jwk, at=call.at)
        account = accounts.of_key(connection, jwk)
    assert account is not None  # noqa: S101 -- it has just been stored
    return Answer(_account(call.machines, account))


def new_order(call: Call) -> Answer:
    """Take an order (section 7.4)."""
    content, machines = call.message.json(), call.machines
    for name in ("notBefore", "notAfter"):  # the profile says how long a certificate lives
        if name in content:
            raise Problem("malformed", "field", field=name)
    names = identifiers.parse_all(content.get("identifiers"))
    with machines.connect() as connection:
        binding = _binding(connection, call)
        profile = content.get("profile", binding.profiles[0])
        if profile not in binding.profiles:
            raise Problem("invalidProfile", "profile")
        identifiers.check_permitted(names, binding.identifiers)
        machines.config.limits.check_orders(connection, call.own.id, at=call.at)
        order = orders.create(
            connection,
            call.own.id,
            names,
            profile=profile,
            replaces=_replaced(connection, call, content.get("replaces")),
            at=call.at,
        )
        return _order(call, connection, order, status=201)


def show_order(call: Call) -> Answer:
    """Show an order (section 7.4)."""
    with call.machines.connect() as connection:
        order = orders.find(connection, call.parts["id"], call.own.id)
        return _order(call, connection, order)


def finalize(call: Call) -> Answer:
    """Take the certificate request and issue (section 7.4)."""
    machines = call.machines
    request = requests.read(jose.decode(_text(call.message.json(), "csr")))
    if _is_own_key(call.own, request):
        raise Problem("badCSR", "request_account_key")
    with machines.connect() as connection:
        order = orders.find(connection, call.parts["id"], call.own.id, lock=True)
        status = order.status(orders.authorizations(connection, order.id), call.at)
        is_again = status in {"processing", "valid"} and order.request == request.encoded
        if status != "ready" and not is_again:
            raise Problem("orderNotReady", "not_ready", order=status)
        if not is_again:
            requests.check_names(request, order.names)
            holder = machines.enrolment.holder(_binding(connection, call))
            requests.check_key(connection, request, holder)
            orders.take_request(connection, order, request.encoded, at=call.at)
    try:
        machines.enrolment.finish(order.id, call.own.id)
    except (PencereError, psycopg.Error, OSError) as error:
        # The order stays in processing, and the task that resumes such orders takes it up.
        log.warning("acme_finalize_interrupted order=%s error=%s", order.id, type(error).__name__)
    with machines.connect() as connection:
        return _order(call, connection, orders.find(connection, order.id, call.own.id))


def authorization(call: Call) -> Answer:
    """Show or deactivate an authorisation (sections 7.5, 7.5.2)."""
    with call.machines.connect() as connection:
        found = orders.authorization(connection, call.parts["id"], call.own.id)
        if call.message.payload:
            if call.message.json().get("status") != "deactivated":
                raise Problem("malformed", "field", field="status")
            orders.deactivate(connection, found.id, at=call.at)
            found = orders.authorization(connection, found.id, call.own.id)
    return Answer(_authorization(call, found), headers=_wait(found.status))


def challenge(call: Call) -> Answer:
    """Show a challenge, or let it be tried (section 7.5.1)."""
    with call.machines.connect() as connection:
        found = orders.authorization(connection, call.parts["id"], call.own.id)
        if call.message.payload:
            call.message.json()
            if found.status == "pending":
                call.machines.config.limits.check_failures(connection, call.own.id, at=call.at)
                orders.ask(connection, found, at=call.at)
                found = orders.authorization(connection, found.id, call.own.id)
    call.machines.validations.wake()
    up = call.machines.url(f"/acme/authorization/{found.id}")
    headers = {**_wait(found.status), "Link": f'<{up}>;rel="up"'}
    return Answer(_challenge(call, found), headers=headers)


def certificate(call: Call) -> Answer:
    """Give the certificate and what stands above it (section 7.4.2)."""
    with call.machines.connect() as connection:
        order = orders.find(connection, call.parts["id"], call.own.id)
        if order.certificate is None:
            raise Problem("malformed", "missing", http_status=404)
        leaf = x509.load_der_x509_certificate(
            store.certificate(connection, bytes(order.certificate))
        )
    chain = [leaf, *call.machines.enrolment.chain()]
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    return Answer(pem, media_type="application/pem-certificate-chain")


def revoke(call: Call) -> Answer:
    """Revoke a certificate, for its account or its key (section 7.6)."""
    content, machines = call.message.json(), call.machines
    encoded = jose.decode(_text(content, "certificate"))
    reason = revocations.read_reason(content.get("reason"))
    with machines.connect() as connection:
        found = revocations.ours(connection, encoded)
        if call.account is not None:
            revocations.check_account(connection, call.account.id, found, at=call.at)
    if call.account is None:
        revocations.check_key(found, jose.read_key(call.jwk))
    revocations.revoke(machines.issuance, found, reason)
    return Answer()


def _order(
    call: Call, connection: store.Connection, order: orders.Order, *, status: int = 200
) -> Answer:
    machines, found = call.machines, orders.authorizations(connection, order.id)
    state = order.status(found, call.at)
    content: dict[str, Any] = {
        "status": state,
        "expires": _instant(order.expires_at),
        "identifiers": order.identifiers,
        "profile": order.profile,
        "authorizations": [machines.url(f"/acme/authorization/{one.id}") for one in found],
        "finalize": machines.url(f"/acme/order/{order.id}/finalize"),
    }
    if order.certificate is not None:
        content["certificate"] = machines.url(f"/acme/certificate/{order.id}")
    if order.error is not None:
        content["error"] = of_row(order.error).document(call.language)
    if order.replaces is not None:
        replaced = store.certificate(connection, bytes(order.replaces))
        content["replaces"] = revocations.certificate_id(x509.load_der_x509_certificate(replaced))
    location = {"Location": machines.url(f"/acme/order/{order.id}")}
    return Answer(content, status, {**location, **_wait(state)})


def _authorization(call: Call, found: orders.Authorization) -> dict[str, Any]:
    return {
        "status": found.status_at(call.at),
        "expires": _instant(found.expires_at),
        "identifier": found.identifier.as_json(),
        "challenges": [_challenge(call, found)],
    }


def _challenge(call: Call, found: orders.Authorization) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": "http-01",
        "url": call.machines.url(f"/acme/challenge/{found.id}"),
        "status": found.challenge_status(),
        "token": found.token,
    }
    if found.status == "valid" and found.settled_at is not None:
        content["validated"] = _instant(found.settled_at)
    if found.error is not None:
        content["error"] = of_row(found.error).document(call.language)
    return content


def _account(machines: Machines, account: Account) -> dict[str, Any]:
    return {
        "status": account.status,
        "contact": account.contact,
        "orders": machines.url(f"/acme/account/{account.id}/orders"),
    }


def _binding(connection: store.Connection, call: Call) -> bindings.Binding:
    binding = bindings.find(connection, call.own.binding)
    if binding is None or not binding.is_in_force(call.at):
        raise Problem("unauthorized", "binding_unknown")
    return binding


def _replaced(connection: store.Connection, call: Call, identifier: object) -> bytes | None:
    if identifier is None:
        return None
    if not isinstance(identifier, str):
        raise Problem("malformed", "field", field="replaces")
    serial = store.serial_bytes(revocations.of_id(connection, identifier).serial_number)
    if orders.account_of_certificate(connection, serial) != call.own.id:
        raise Problem("unauthorized", "certificate_of_others")
    return serial


def _is_own_key(account: Account, request: requests.MachineRequest) -> bool:
    key = jose.read_key(account.jwk)
    return key == request.public_key


def _refuse_other_account(call: Call) -> None:
    if call.parts["id"] != call.own.id:
        raise Problem("unauthorized", "account_missing")


def _wait(status: str) -> dict[str, str]:
    return {"Retry-After": "1"} if status == "processing" else {}


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise Problem("malformed", "field", field=name)
    return value


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _post(path: str, handler: Handler, *, key: str = "account") -> Route:
    return Route(path, signed(handler, key=key), methods=["POST"], name=handler.__name__)


routes = [
    Route("/acme/directory", directory, name="acme_directory"),
    Route("/acme/new-nonce", new_nonce, name="acme_new_nonce"),
    Route("/acme/renewal-info/{id}", renewal_info, name="acme_renewal_info"),
    _post("/acme/new-account", new_account, key="new"),
    _post("/acme/account/{id}", change_account),
    _post("/acme/account/{id}/orders", list_orders),
    _post("/acme/key-change", change_key),
    _post("/acme/new-order", new_order),
    _post("/acme/order/{id}", show_order),
    _post("/acme/order/{id}/finalize", finalize),
    _post("/acme/authorization/{id}", authorization),
    _post("/acme/challenge/{id}", challenge),
    _post("/acme/certificate/{id}", certificate),
    _post("/acme/revoke-cert", revoke, key="either"),
]
