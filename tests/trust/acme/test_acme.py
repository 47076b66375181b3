"""RFC 8555 as the public `acme` library speaks it, and what hostile requests get."""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import josepy
import pytest
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.acme.conftest import Listener, Machine

from pencere.trust import store
from pencere.trust.acme import bindings
from pencere.trust.acme.enrolment import names_of
from pencere.trust.acme.identifiers import Identifier

ERROR = "urn:ietf:params:acme:error:"


def key_request(
    names: list[str], key: ec.EllipticCurvePrivateKey | None = None, **changes: object
) -> bytes:
    """Return a PKCS#10 request, PEM, for names; addresses are told by their form."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    alternative = [
        x509.IPAddress(ip_address(one)) if one.replace(".", "").isdigit() else x509.DNSName(one)
        for one in names
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        changes.get("subject") or x509.Name([])
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    for extension in changes.get("extensions", ()):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass
class Client:
    """The acme library with an account of its own."""

    listener: Listener
    key: josepy.JWK
    net: client.ClientNetwork
    acme: client.ClientV2
    binding: bindings.Binding
    mac: str

    def prove(self, order: messages.OrderResource, machine: Machine) -> None:
        """Show the challenge files and ask for them to be looked at."""
        for authorization in order.authorizations:
            (one,) = [
                each
                for each in authorization.body.challenges
                if isinstance(each.chall, challenges.HTTP01)
            ]
            response, validation = one.response_and_validation(self.key)
            machine.files[one.chall.path] = validation.encode()
            self.acme.answer_challenge(one, response)

    def obtain(
        self, names: list[str], machine: Machine, **changes: object
    ) -> list[x509.Certificate]:
        order = self.acme.new_order(key_request(names, **changes))
        self.prove(order, machine)
        done = self.acme.poll_and_finalize(order)
        return x509.load_pem_x509_certificates(done.fullchain_pem.encode())


def open_client(listener: Listener, key: josepy.JWK | None = None) -> client.ClientV2:
    key = key or josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    alg = josepy.ES256 if isinstance(key, josepy.JWKEC) else josepy.RS256
    net = client.ClientNetwork(key, alg=alg, verify_ssl=str(listener.anchors))
    directory = client.ClientV2.get_directory(listener.directory, net)
    return client.ClientV2(directory, net)


def registration(
    acme: client.ClientV2, key: josepy.JWK, binding: bindings.Binding, mac: str
) -> messages.NewRegistration:
    external = messages.ExternalAccountBinding.from_data(
        key.public_key(), binding.id, mac, acme.directory
    )
    return messages.NewRegistration.from_data(
        email="rms@dyp.gov.az", terms_of_service_agreed=True, external_account_binding=external
    )


@pytest.fixture(scope="module")
def make_client(listener: Listener) -> Iterator[Callable[..., Client]]:
    made: list[client.ClientNetwork] = []

    def make(key: josepy.JWK | None = None, **changes: object) -> Client:
        key = key or josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        acme = open_client(listener, key)
        made.append(acme.net)
        binding, mac = listener.bind(**changes)
        acme.new_account(registration(acme, key, binding, mac))
        return Client(listener, key, acme.net, acme, binding, mac)

    yield make
    for net in made:
        net.session.close()


@pytest.fixture
def system(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture(scope="module")
def resident(make_client: Callable[..., Client]) -> Client:
    """A client whose account no test changes."""
    return make_client()


def kind_of(caught: pytest.ExceptionInfo[messages.Error]) -> str:
    return caught.value.typ.removeprefix(ERROR)


def test_a_name_and_an_address_are_certified_for_the_body(
    system: Client, machine: Machine, listener: Listener
) -> None:
    leaf, above = system.obtain(["rms.dyp.az", "127.0.0.1"], machine)

    subject = {one.rfc4514_attribute_name: one.value for one in leaf.subject}
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (subject["2.5.4.97"], subject["O"]) == ("NTRAZ-dyp", "Baş Dövlət Yol Polisi İdarəsi")
    assert names.get_values_for_type(x509.DNSName) == ["rms.dyp.az"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=90)
    assert above == listener.centre.keystore.certificates("issuing-infrastructure")[0]


def test_an_account_with_an_rsa_key_works_too(
    make_client: Callable[..., Client], machine: Machine
) -> None:
    key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))

    leaf, _ = make_client(key).obtain(["127.0.0.1"], machine)

    assert names_of(leaf) == {Identifier("ip", "127.0.0.1")}


def test_a_renewal_names_what_it_replaces_once(system: Client, machine: Machine) -> None:
    leaf, _ = system.obtain(["127.0.0.1"], machine)
    pem = leaf.public_bytes(Encoding.PEM)
    info = system.acme.renewal_time(pem)
    assert info[0] is not None

    identifier = certificate_id(leaf)
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "replaces": identifier}
    first = signed(system, "newOrder", content)
    second = signed(system, "newOrder", content)

    assert (first.status_code, first.json()["replaces"]) == (201, identifier)
    assert (second.status_code, second.json()["type"]) == (409, ERROR + "alreadyReplaced")


def test_a_revoked_certificate_is_to_be_renewed_at_once(system: Client, machine: Machine) -> None:
    leaf, _ = system.obtain(["127.0.0.1"], machine)
    system.acme.revoke(leaf, 1)
    url = f"{system.listener.base_url}/acme/renewal-info/{certificate_id(leaf)}"

    answer = requests.get(url, verify=str(system.listener.anchors), timeout=5)

    assert answer.json()["suggestedWindow"]["end"] < now_text(system)
    assert answer.headers["Retry-After"] == "21600"


def now_text(system: Client) -> str:
    return system.listener.machines.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def certificate_id(leaf: x509.Certificate) -> str:
    key = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = leaf.serial_number
    parts = (key.key_identifier, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


def test_a_certificates_own_key_revokes_it(system: Client, machine: Machine) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf, _ = system.obtain(["127.0.0.1"], machine, key=key)
    stranger = open_client(system.listener, josepy.JWKEC(key=key))
    other = open_client(system.listener)
    with pytest.raises(messages.Error) as refused:
        revoke_by_key(other, leaf)
    revoke_by_key(stranger, leaf)
    with pytest.raises(messages.Error) as again:
        revoke_by_key(stranger, leaf)

    with system.listener.connect() as connection:
        found = store.status(connection, "issuing-infrastructure", leaf.serial_number)
    assert (kind_of(refused), kind_of(again)) == ("unauthorized", "alreadyRevoked")
    assert found.reason == store.Reason.KEY_COMPROMISE
    with pytest.raises(messages.Error) as same_key:
        system.obtain(["127.0.0.1"], machine, key=key)
    assert kind_of(same_key) == "badPublicKey"
    for one in (stranger, other):
        one.net.session.close()


def revoke_by_key(acme: client.ClientV2, leaf: x509.Certificate) -> None:
    content = messages.Revocation(certificate=leaf, reason=1)
    acme.net.account = None
    acme.net.post(acme.directory["revokeCert"], content, new_nonce_url=acme.directory["newNonce"])


def test_another_account_revokes_nothing(
    make_client: Callable[..., Client], machine: Machine
) -> None:
    leaf, _ = make_client().obtain(["127.0.0.1"], machine)
    other = make_client()

    with pytest.raises(messages.Error) as refused:
        other.acme.revoke(leaf, 0)
    other.obtain(["127.0.0.1"], machine)  # now it has proved the name itself
    other.acme.revoke(leaf, 0)

    assert kind_of(refused) == "unauthorized"


def test_the_key_of_an_account_is_changed(system: Client, machine: Machine) -> None:
    new = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    body = json.dumps(
        {"account": system.net.account.uri, "oldKey": system.key.public_key().to_json()}
    ).encode()
    inner = jws(new, body, system.acme.directory["keyChange"], jwk=new.public_key().to_json())

    changed = signed(system, "keyChange", inner)
    system.net.key = system.key = new
    leaf, _ = system.obtain(["127.0.0.1"], machine)

    assert (changed.status_code, changed.json()["status"]) == (200, "valid")
    assert leaf.issuer != leaf.subject


def test_a_deactivated_account_asks_for_nothing(system: Client) -> None:
    system.acme.deactivate_registration(system.net.account)

    with pytest.raises(messages.Error) as refused:
        system.acme.new_order(key_request(["127.0.0.1"]))

    assert kind_of(refused) == "unauthorized"


def test_a_deactivated_authorization_closes_its_order(resident: Client) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))

    resident.acme.deactivate_authorization(order.authorizations[0])

    shown = signed(resident, order.uri, None)
    assert shown.json()["status"] == "invalid"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["portal.idda.az"], "rejectedIdentifier"),
        (["10.1.2.3"], "rejectedIdentifier"),
        (["*.dyp.az"], "rejectedIdentifier"),
        (["dyp.az.evil.example"], "rejectedIdentifier"),
    ],
)
def test_names_beyond_the_binding_are_refused(
    resident: Client, names: list[str], kind: str
) -> None:
    with pytest.raises(messages.Error) as refused:
        resident.acme.new_order(key_request(names))

    assert kind_of(refused) == kind


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ({}, "malformed", 400),
        ({"identifiers": []}, "malformed", 400),
        ({"identifiers": [{"type": "dns", "value": "a" * 300}]}, "malformed", 400),
        ({"identifiers": [{"type": "dns", "value": "127.1"}]}, "malformed", 400),
        ({"identifiers": [{"type": "ip", "value": "127.1"}]}, "malformed", 400),
        ({"identifiers": [{"type": "ip", "value": "::ffff:127.0.0.1%lo"}]}, "malformed", 400),
        ({"identifiers": [{"type": "email", "value": "a@b"}]}, "unsupportedIdentifier", 400),
        ({"identifiers": [{"type": "dns", "value": 7}]}, "malformed", 400),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "profile": "seal"},
            "invalidProfile",
            400,
        ),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "notAfter": "2099-01-01"},
            "malformed",
            400,
        ),
        (
            {"identifiers": [{"type": "ip", "value": "127.0.0.1"}], "replaces": "AAAA.AAAA"},
            "malformed",
            404,
        ),
    ],
)
def test_orders_that_cannot_be_meant_are_refused(
    resident: Client, content: dict[str, Any], kind: str, status: int
) -> None:
    answer = signed(resident, "newOrder", content)

    assert (answer.status_code, answer.json()["type"]) == (status, ERROR + kind)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda _: b"\x30\x03\x02\x01\x00", "badCSR"),
        (lambda _: b"\x30\x84\xff\xff\xff\xff", "badCSR"),
        (lambda _: b"x" * 20_000, "badCSR"),
        (lambda _: der(key_request(["127.0.0.1", "rms.dyp.az"])), "badCSR"),
        (lambda _: der(key_request(["rms.dyp.az"])), "badCSR"),
        (lambda _: der(key_request([])), "badCSR"),
        (
            lambda _: der(
                key_request(
                    ["127.0.0.1"], extensions=[x509.BasicConstraints(ca=True, path_length=None)]
                )
            ),
            "badCSR",
        ),
        (lambda _: der(key_request(["127.0.0.1"], extensions=[x509.OCSPNoCheck()])), "badCSR"),
        (
            lambda _: der(
                key_request(
                    ["127.0.0.1"],
                    subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dyp.az")]),
                )
            ),
            "badCSR",
        ),
        (lambda s: der(key_request(["127.0.0.1"], key=s.key.key._wrapped)), "badCSR"),
        (
            lambda _: der(key_request(["127.0.0.1"], key=ec.generate_private_key(ec.SECP521R1()))),
            "badPublicKey",
        ),
        (
            lambda _: der(key_request(["127.0.0.1"], key=rsa.generate_private_key(65537, 2048))),
            "badPublicKey",
        ),
        (lambda _: broken(der(key_request(["127.0.0.1"]))), "badCSR"),
    ],
)
def test_a_request_that_is_not_the_order_is_refused_and_the_order_stays(
    resident: Client, machine: Machine, make: Callable[[Client], bytes], kind: str
) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    wait_until(resident, order.uri, "ready")

    answer = signed(resident, order.body.finalize, {"csr": b64(make(resident))})

    assert (answer.status_code, answer.json()["type"]) == (400, ERROR + kind)
    assert signed(resident, order.uri, None).json()["status"] == "ready"


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)


def broken(encoded: bytes) -> bytes:
    return encoded[:-1] + bytes([encoded[-1] ^ 1])


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_an_order_that_is_not_proved_is_not_finalized(resident: Client) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))

    answer = signed(resident, order.body.finalize, {"csr": b64(der(key_request(["127.0.0.1"])))})

    assert (answer.status_code, answer.json()["type"]) == (403, ERROR + "orderNotReady")


def test_finalized_twice_gives_one_certificate(resident: Client, machine: Machine) -> None:
    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    wait_until(resident, order.uri, "ready")
    content = {"csr": b64(der(key_request(["127.0.0.1"])))}

    first = signed(resident, order.body.finalize, content)
    again = signed(resident, order.body.finalize, content)
    other = signed(resident, order.body.finalize, {"csr": b64(der(key_request(["127.0.0.1"])))})

    assert first.json()["certificate"] == again.json()["certificate"]
    assert other.json()["type"] == ERROR + "orderNotReady"
    chains = [signed(resident, first.json()["certificate"], None) for _ in range(2)]
    assert chains[0].content == chains[1].content
    assert chains[0].headers["Content-Type"] == "application/pem-certificate-chain"


def wait_until(system: Client, url: str, status: str) -> dict[str, Any]:
    for _ in range(100):
        shown = signed(system, url, None).json()
        if shown["status"] != "pending":
            break
    assert shown["status"] == status, shown
    return dict(shown)


def signed(system: Client, where: str, content: object, **header: object) -> requests.Response:
    """Post what the library itself would never send."""
    address = system.acme.directory[where] if not where.startswith("https") else where
    body = b"" if content is None else json.dumps(content).encode()
    values = {"kid": system.net.account.uri, "nonce": nonce(system), "url": address, **header}
    return post(system, address, jws(system.key, body, str(values.pop("url")), **values))


def nonce(system: Client) -> str:
    answer = requests.head(
        system.acme.directory["newNonce"], verify=str(system.listener.anchors), timeout=5
    )
    return str(answer.headers["Replay-Nonce"])


def jws(key: josepy.JWK, body: bytes, url: str, **header: object) -> dict[str, str]:
    protected = b64(
        json.dumps(
            {k: v for k, v in {"alg": "ES256", "url": url, **header}.items() if v is not None}
        ).encode()
    )
    raw = key.key._wrapped.sign(f"{protected}.{b64(body)}".encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(raw)
    signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return {"protected": protected, "payload": b64(body), "signature": signature}


def post(
    system: Client, url: str, content: object, content_type: str = "application/jose+json"
) -> requests.Response:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return requests.post(
        url,
        data=data,
        headers={"Content-Type": content_type, "Accept-Language": "en"},
        verify=str(system.listener.anchors),
        timeout=10,
    )


def test_a_replayed_request_is_refused(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}
    once = jws(
        resident.key,
        json.dumps(content).encode(),
        url,
        kid=resident.net.account.uri,
        nonce=nonce(resident),
    )

    answers = [post(resident, url, once) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 400]
    assert answers[1].json()["type"] == ERROR + "badNonce"
    assert answers[1].headers["Replay-Nonce"] != answers[0].headers["Replay-Nonce"]


@pytest.mark.parametrize(
    ("header", "kind", "status"),
    [
        ({"nonce": "AAAA"}, "badNonce", 400),
        ({"nonce": b64(b"x" * 40)}, "badNonce", 400),
        ({"nonce": None}, "malformed", 400),
        ({"url": "https://127.0.0.1:1/acme/new-order"}, "unauthorized", 403),
        ({"alg": "none"}, "badSignatureAlgorithm", 400),
        ({"alg": "HS256"}, "badSignatureAlgorithm", 400),
        ({"alg": "RS256"}, "badSignatureAlgorithm", 400),
        ({"crit": ["exp"]}, "malformed", 400),
        ({"kid": "https://127.0.0.1:1/acme/account/x"}, "accountDoesNotExist", 400),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "malformed", 400),
        ({"kid": None}, "malformed", 400),
    ],
)
def test_a_header_that_is_not_right_is_refused(
    resident: Client, header: dict[str, object], kind: str, status: int
) -> None:
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}

    answer = signed(resident, "newOrder", content, **header)

    assert (answer.status_code, answer.json()["type"]) == (status, ERROR + kind)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/jose+json", 400),
        (b"[]", "application/jose+json", 400),
        (b"{}", "application/jose+json", 400),
        (b"[" * 50_000, "application/jose+json", 400),
        (b"\xff\xfe", "application/jose+json", 400),
        (
            b'{"protected":"e30","payload":"","signature":"AA","header":{}}',
            "application/jose+json",
            400,
        ),
        (
            b'{"protected":"e30","protected":"e30","payload":"","signature":"AA"}',
            "application/jose+json",
            400,
        ),
        (b"{}", "application/json", 415),
        (b"x" * 70_000, "application/jose+json", 413),
        (b"x" * 200_000, "application/jose+json", 413),
    ],
)
def test_bodies_that_are_no_jws_are_refused(
    resident: Client, body: bytes, content_type: str, status: int
) -> None:
    url = resident.acme.directory["newOrder"]

    assert post(resident, url, body, content_type).status_code == status


def test_a_changed_letter_breaks_the_signature(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    content = jws(resident.key, b"{}", url, kid=resident.net.account.uri, nonce=nonce(resident))
    letter = "A" if content["signature"][10] != "A" else "B"
    content["signature"] = content["signature"][:10] + letter + content["signature"][11:]

    answer = post(resident, url, content)

    assert (answer.status_code, answer.json()["type"]) == (403, ERROR + "unauthorized")


def test_another_accounts_order_does_not_exist(make_client: Callable[..., Client]) -> None:
    order = make_client().acme.new_order(key_request(["127.0.0.1"]))
    stranger = make_client()

    urls = (order.uri, order.body.finalize, order.authorizations[0].uri)
    found = [
        signed(stranger, url, None if n != 1 else {"csr": b64(der(key_request(["127.0.0.1"])))})
        for n, url in enumerate(urls)
    ]

    assert [one.status_code for one in found] == [404, 404, 404]


def bound(acme: client.ClientV2, key: josepy.JWK, kid: str, mac: str) -> messages.NewRegistration:
    external = messages.ExternalAccountBinding.from_data(key.public_key(), kid, mac, acme.directory)
    return messages.NewRegistration.from_data(external_account_binding=external)


def test_a_binding_opens_one_account_and_only_with_its_key(listener: Listener) -> None:
    binding, mac = listener.bind()
    outcomes = []
    for kid, secret in ((binding.id, b64(b"w" * 32)), ("nobody", mac), (binding.id, mac)):
        key = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        acme = open_client(listener, key)
        for _ in range(2):
            try:
                acme.net.account = None
                acme.new_account(bound(acme, key, kid, secret))
                outcomes.append("opened")
            except errors.ConflictError:
                outcomes.append("there")
            except messages.Error as error:
                outcomes.append(error.typ.removeprefix(ERROR))
        acme.net.session.close()
    other = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    acme = open_client(listener, other)
    with pytest.raises(messages.Error) as used:
        acme.new_account(bound(acme, other, binding.id, mac))
    acme.net.session.close()

    assert outcomes == ["unauthorized"] * 4 + ["opened", "there"]
    assert kind_of(used) == "unauthorized"


def test_an_ended_binding_gets_no_more_certificates(system: Client, listener: Listener) -> None:
    with listener.connect() as connection:
        bindings.end(connection, system.binding.id, at=listener.machines.clock.now())

    with pytest.raises(messages.Error) as refused:
        system.acme.new_order(key_request(["127.0.0.1"]))

    assert kind_of(refused) == "unauthorized"


def test_refusals_are_in_the_readers_language(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    said = {}
    for language in ("az", "ru", "de"):
        answer = requests.post(
            url,
            data=b"{}",
            headers={"Content-Type": "application/jose+json", "Accept-Language": language},
            verify=str(resident.listener.anchors),
            timeout=5,
        )
        said[language] = (answer.headers["Content-Language"], answer.json()["detail"][:20])

    assert said == {
        "az": ("az", "Sorğu düzgün imzalan"),
        "ru": ("ru", "Запрос не является п"),
        "de": ("az", "Sorğu düzgün imzalan"),
    }


def failed(system: Client, machine: Machine, name: str) -> dict[str, Any]:
    order = system.acme.new_order(key_request([name]))
    system.prove(order, machine)
    url = order.authorizations[0].uri
    shown = wait_until(system, url, "invalid")
    assert signed(system, order.uri, None).json()["status"] == "invalid"
    return dict(shown["challenges"][0]["error"])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            lambda h: (
                h.send_response(302),
                h.send_header("Location", "http://127.0.0.1/"),
                h.end_headers(),
            ),
            "unauthorized",
        ),
        (lambda h: (h.send_response(404), h.end_headers()), "unauthorized"),
        (
            lambda h: (h.send_response(200), h.end_headers(), h.wfile.write(b"x" * 4000)),
            "incorrectResponse",
        ),
        (
            lambda h: (h.send_response(200), h.end_headers(), h.wfile.write(b"wrong")),
            "incorrectResponse",
        ),
        (
            lambda h: (h.send_response(200), h.send_header("X", "y" * 60_000), h.end_headers()),
            "connection",
        ),
        (lambda h: h.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"), "connection"),
        (lambda h: h.wfile.write(b""), "connection"),
    ],
)
def test_a_machine_that_answers_otherwise_proves_nothing(
    resident: Client, machine: Machine, answer: Callable[[Any], object], kind: str
) -> None:
    machine.answer = answer

    assert failed(resident, machine, "127.0.0.1")["type"] == ERROR + kind


def test_a_machine_that_is_slow_proves_nothing(resident: Client, machine: Machine) -> None:
    machine.answer = lambda _: time.sleep(4)

    order = resident.acme.new_order(key_request(["127.0.0.1"]))
    resident.prove(order, machine)
    time.sleep(3.2)
    shown = wait_until(resident, order.authorizations[0].uri, "invalid")

    assert shown["challenges"][0]["error"]["type"] == ERROR + "connection"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("outside.dyp.az", "dns"), ("nowhere.dyp.az", "dns")],
)
def test_a_name_that_leads_elsewhere_is_not_visited(
    resident: Client, machine: Machine, name: str, kind: str
) -> None:
    found = failed(resident, machine, name)

    assert (found["type"], machine.hosts) == (ERROR + kind, [])


def test_each_address_of_a_name_is_tried(resident: Client, machine: Machine) -> None:
    leaf, _ = resident.obtain(["two.dyp.az"], machine)

    assert names_of(leaf) == {Identifier("dns", "two.dyp.az")}


def test_raw_noise_on_the_port_harms_nobody(listener: Listener, resident: Client) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 500, b""):
        with socket.create_connection(("127.0.0.1", listener.machines.config.port), 5) as link:
            link.sendall(noise)

    assert signed(resident, "newOrder", {}).status_code == 400
