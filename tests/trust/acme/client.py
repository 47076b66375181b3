"""The public `acme` library with an account of its own, and what it would never send."""

import base64
import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import josepy
import pytest
import requests
from acme import challenges, client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.acme.listener import Listener, Machine

from pencere.trust.acme import bindings

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


def kind_of(caught: pytest.ExceptionInfo[messages.Error]) -> str:
    return caught.value.typ.removeprefix(ERROR)


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


def certificate_id(leaf: x509.Certificate) -> str:
    key = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = leaf.serial_number
    parts = (key.key_identifier, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
