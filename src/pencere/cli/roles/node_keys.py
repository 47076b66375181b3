"""Where the keys of a gateway node lie, and how it gets the next one by itself.

Keys are named `node`, `node-2`, `node-3` ... in the node's keystore; the file `current` says with
which one the node starts. The centre certifies the next key for the certificate in force (EST
`simplereenroll`); the state register is told by a JWS that the present key signs.
docs/specs/joining.md.
"""

import base64
import http.client
import json
import re
import ssl
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from pencere.gateway.keys import KeyPair
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Misconfigured, Missing, Refused, Unavailable
from pencere.trust import signed_json
from pencere.trust.durable import write_durably
from pencere.trust.keystore import Keystore
from pencere.trust.roles import Role

FIRST = "node"
_NAME = re.compile(r"node(?:-([0-9]{1,6}))?\Z")
_TIMEOUT_S = 20.0
_LARGEST = 256 * 1024


class NodeKeyBox:
    """The keys of one node; `register` is the office's address, `enrolment` the EST server's."""

    def __init__(  # noqa: PLR0913
        self,
        folder: Path,
        password: str,
        *,
        node: str,
        register: str,
        enrolment: str,
        root: Path,
        clock: Clock,
    ) -> None:
        refuse_token(folder)
        self._folder, self._password = folder, password
        self._keystore = Keystore(folder, password)
        self._node, self._register, self._enrolment = node, register, enrolment
        self._root, self._clock = root, clock

    def current(self) -> KeyPair:
        """Return the key to start with."""
        return self._pair(current_name(self._folder))

    def following(self) -> KeyPair | None:
        """Return a newer key that has its certificate."""
        number = _number(current_name(self._folder))
        newer = [one for one in self._numbers() if one > number]
        name = _name(max(newer)) if newer else ""
        return self._pair(name) if name and self._keystore.has(name) else None

    def prepare(self) -> KeyPair:
        """Make the next key, or take the one that came to no certificate, and have it certified."""
        name = _name(_number(current_name(self._folder)) + 1)
        if not self._keystore.has(name):
            self._keystore.create(name, role=Role.DATA)
            before = self.current()
            request = self._request(name, before.certificate)
            made = self._reenroll(request, before)
            self._keystore.install(name, [made, *self._keystore.certificates(FIRST)[1:]])
        return self._pair(name)

    def announce(self, pair: KeyPair) -> None:
        """Tell the register of a certificate; the new key proves itself."""
        name = self._name_of(pair.fingerprint)
        text = f"pencere-node-key/1\n{self._node}\n{pair.fingerprint}\n"
        chain = self._keystore.certificates(name)
        self._tell(
            {
                "act": "add",
                "chain": [
                    base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain
                ],
                "proof": base64.b64encode(pair.signer.sign(text.encode())).decode(),
            }
        )

    def adopt(self, pair: KeyPair) -> None:
        """Start with this key from now on."""
        write_durably(self._folder / "current", self._name_of(pair.fingerprint).encode())

    def retire(self, fingerprint: str) -> None:
        """Have the register let a certificate go."""
        self._tell({"act": "remove", "sha256": fingerprint})

    def name_ledger(self, origin: str, key: bytes) -> None:
        """Tell the register the name and key of the node's ledger."""
        self._tell({"act": "ledger", "origin": origin, "key": base64.b64encode(key).decode()})

    def report_traffic(self, first: date, last: date, counts: list[dict[str, Any]]) -> None:
        """Tell the register what was asked in these days."""
        said = {"from": first.isoformat(), "to": last.isoformat(), "traffic": counts}
        self._tell(said, "traffic")

    def _tell(self, said: dict[str, Any], what: str = "certificates") -> None:
        signer = self._keystore.signer(current_name(self._folder))
        payload = said | {"node": self._node, "time": self._clock.now().isoformat()}
        body = json.dumps({"jws": signed_json.sign(payload, signer)}).encode()
        post_json(f"{self._register}/stateregister/nodes/{what}", body, root=self._root)

    def _request(self, name: str, before: x509.Certificate) -> bytes:
        pem = (self._folder / f"{name}.key").read_bytes()
        key = serialization.load_pem_private_key(pem, self._password.encode())
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Refused("key.role", name=name)
        names = before.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return (
            x509.CertificateSigningRequestBuilder()
            .subject_name(before.subject)
            .add_extension(names.value, critical=names.critical)
            .sign(key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )

    def _reenroll(self, request: bytes, before: KeyPair) -> x509.Certificate:
        tls = ssl.create_default_context(cafile=str(self._root))
        before.show(tls)
        answer = post(
            f"{self._enrolment}/.well-known/est/simplereenroll",
            base64.encodebytes(request),
            media_type="application/pkcs10",
            tls=tls,
        )
        try:
            found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer))
        except ValueError as problem:
            raise Unavailable("enrolment.malformed") from problem
        if len(found) != 1:
            raise Unavailable("enrolment.malformed")
        return found[0]

    def _pair(self, name: str) -> KeyPair:
        folder = self._folder
        return KeyPair(
            self._keystore.signer(name),
            folder / f"{name}.crt",
            folder / f"{name}.key",
            self._password,
        )

    def _name_of(self, fingerprint: str) -> str:
        for number in self._numbers():
            name = _name(number)
            if self._keystore.has(name) and self._pair(name).fingerprint == fingerprint:
                return name
        raise Missing("keystore.key_missing", name=fingerprint[:16])

    def _numbers(self) -> list[int]:
        return sorted(_number(one) for one in self._keystore.names() if _NAME.match(one))


def refuse_token(folder: Path) -> None:
    """Refuse a node's keystore that is a PKCS#11 token: TLS here needs the key as a file.

    Raises:
        Misconfigured: `token.yaml` is there.
    """
    place = folder / "token.yaml"
    if place.exists():
        raise Misconfigured(
            file=place,
            key="library",
            value="a PKCS#11 token for the key of a node",
            example="without token.yaml: the node's key is a file, encrypted, renewed by itself",
        )


def current_name(folder: Path) -> str:
    """Return the name of the key with which the node of this folder starts."""
    try:
        text = (folder / "current").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return FIRST
    if _NAME.match(text) is None:
        raise Missing("keystore.key_missing", name=text[:20])
    return text


def post_json(url: str, body: bytes, *, root: Path | None) -> dict[str, Any]:
    """Post JSON to the state register; return its answer.

    Raises:
        Refused: what the register said, by its code; Unavailable: `register.unavailable`.
    """
    tls = ssl.create_default_context()
    if root is not None:  # the country's root beside those of the system
        tls.load_verify_locations(cafile=str(root))
    answer = post(url, body, media_type="application/json", tls=tls)
    try:
        content = json.loads(answer)
    except ValueError as problem:
        raise Unavailable("register.unavailable", reason="not JSON") from problem
    if not isinstance(content, dict):
        raise Unavailable("register.unavailable", reason="not JSON")
    return content


def post(url: str, body: bytes, *, media_type: str, tls: ssl.SSLContext) -> bytes:
    """Post and return the answer of a 200.

    Raises:
        Refused: the other end refused, with its reason; Unavailable: it did not answer.
    """
    parts = urlsplit(url)
    host, headers = parts.hostname or "", {"Content-Type": media_type}
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(host, parts.port or 443, timeout=_TIMEOUT_S, context=tls)
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port or 80, timeout=_TIMEOUT_S)
    )
    try:
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        answer = response.read(_LARGEST)
    except (OSError, http.client.HTTPException) as problem:
        raise Unavailable("register.unavailable", reason=type(problem).__name__) from problem
    finally:
        connection.close()
    if response.status == 200:
        return answer
    reason = _reason(answer)
    if response.status >= 500:
        raise Unavailable("register.unavailable", status=response.status, reason=reason)
    raise Refused(reason or "register.refused", status=response.status)


def _reason(answer: bytes) -> str:
    """Return the code of a refusal: JSON from the register, a line from EST."""
    try:
        content = json.loads(answer)
        return str(content["error"])[:100]
    except (ValueError, KeyError, TypeError):
        return answer[:100].decode("ascii", "replace").strip()


def _number(name: str) -> int:
    found = _NAME.match(name)
    return int(found[1] or 1) if found else 0


def _name(number: int) -> str:
    return FIRST if number == 1 else f"{FIRST}-{number}"
