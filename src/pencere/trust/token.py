"""Keys in a hardware module, by PKCS#11 (OASIS PKCS#11 v3.0): never seen, only used.

A keystore whose folder holds `token.yaml` makes its keys there. Whatever goes wrong with the
module is an Unavailable with a reason, and the next use tries again from the beginning: a token
that was taken out may be put back. A wrong PIN is not tried a second time, because the module
counts, until the file with the PIN has changed.
"""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pencere.kernel.errors import Misconfigured, Refused, Unavailable
from pencere.trust.algorithms import P256, P384, RSA3072, Algorithm, Hash, PublicKey, algorithm_of
from pencere.trust.roles import Role, Shape, refuse_digest, refuse_other_use, shape_of
from pencere.trust.signers import Vouched, hash_of

T = TypeVar("T")
_CURVES = {P256.name: "secp256r1", P384.name: "secp384r1"}
# DigestInfo of SHA-256 before the digest: RFC 8017 section 9.2, note 1.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True)
class TokenPlace:
    """Where a token is: the module's library, the token's label, the file with its PIN."""

    library: Path
    label: str
    pin_file: Path

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read `token.yaml` of a keystore.

        Raises:
            Misconfigured: a key is missing or not text.
        """
        try:
            content = yaml.safe_load(file.read_text("utf-8"))
            library, label, pin = (str(content[key]) for key in ("library", "token", "pin_file"))
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise Misconfigured(
                file=file,
                key="library, token, pin_file",
                value=type(error).__name__,
                example="{library: /usr/lib/softhsm/libsofthsm2.so, token: centre, pin_file: pin}",
            ) from error
        return cls(Path(library), label, file.parent / pin)


class Module:
    """One library. PKCS#11 lets a process start it once, so all its tokens share it."""

    RESCANNED_AFTER_S = 5.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = 0
        self._rescanned = 0.0
        self.generation = 0  # sessions of an earlier one are gone

    def token(self, label: str) -> Any:
        """Return a token; look anew, but not all the time, when it is not there."""
        import pkcs11  # noqa: PLC0415 -- only where there is a module

        with self._lock:
            try:
                library = pkcs11.lib(str(self._path))
            except (OSError, RuntimeError) as error:
                raise Unavailable("token.library", file=self._path) from error
            if self._process not in (0, os.getpid()):
                self._rescan(library)  # PKCS#11 section 5.4: not usable across a fork
            self._process = os.getpid()
            try:
                return library.get_token(token_label=label)
            except pkcs11.NoSuchToken:
                if time.monotonic() - self._rescanned < self.RESCANNED_AFTER_S:
                    raise
            self._rescan(library)
            return library.get_token(token_label=label)

    def rescan(self) -> None:
        """Start the library anew: some see tokens that were put in only then."""
        import pkcs11  # noqa: PLC0415 -- as above

        with self._lock:
            self._rescan(pkcs11.lib(str(self._path)))

    def _rescan(self, library: Any) -> None:
        library.reinitialize()
        self._rescanned = time.monotonic()
        self.generation += 1


class Token:
    """One token, opened at its first use. Safe to share between threads."""

    def __init__(self, place: TokenPlace, module: Module) -> None:
        self._place = place
        self._module = module
        self._generation = 0
        self._lock = threading.Lock()
        self._session: Any = None
        self._keys: dict[bytes, Any] = {}
        self._process = 0
        self._refused_pin: tuple[str, int] | None = None

    def generate(self, label: str, algorithm: Algorithm) -> tuple[bytes, PublicKey]:
        """Make a key pair in the token; return its CKA_ID and the public half."""
        token_id = secrets.token_bytes(16)

        def make(session: Any) -> PublicKey:
            import pkcs11  # noqa: PLC0415 -- only where there is a module
            from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415

            kept = {
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
                pkcs11.Attribute.SIGN: True,
            }
            named = {"id": token_id, "label": label, "store": True, "private_template": kept}
            if algorithm.name in _CURVES:
                curve = encode_named_curve_parameters(_CURVES[algorithm.name])
                parameters = session.create_domain_parameters(
                    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
                )
                public, _ = parameters.generate_keypair(**named)
            elif algorithm is RSA3072:
                public, _ = session.generate_keypair(pkcs11.KeyType.RSA, 3072, **named)
            else:
                raise Unavailable("token.algorithm", algorithm=algorithm.name)
            return _public_key(public)

        return token_id, self._use(make)

    def public_key(self, token_id: bytes) -> PublicKey:
        """Return the public half of a key of the token, after it has shown that it signs."""

        def find(session: Any) -> PublicKey:
            import pkcs11  # noqa: PLC0415 -- as above

            public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, id=token_id)
            return _public_key(public)

        key = self._use(find)
        algorithm, probe = algorithm_of(key), secrets.token_bytes(32)
        digest = hashes.Hash(hash_of(algorithm))
        digest.update(probe)
        try:
            algorithm.verify(key, probe, self.sign_digest(token_id, algorithm, digest.finalize()))
        except InvalidSignature as error:
            raise Unavailable("token.key_differs", token=self._place.label) from error
        return key

    def look(self, token_id: bytes) -> None:
        """Return if the token is there and has the private key."""

        def find(session: Any) -> None:
            import pkcs11  # noqa: PLC0415 -- as above

            self._keys[token_id] = session.get_key(
                object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=token_id
            )

        self._use(find)

    def sign_digest(self, token_id: bytes, algorithm: Algorithm, digest: bytes) -> bytes:
        """Return the signature over a digest, in the form that certificates carry."""

        def sign(session: Any) -> bytes:
            import pkcs11  # noqa: PLC0415 -- as above
            from pkcs11.util.ec import encode_ecdsa_signature  # noqa: PLC0415

            key = self._keys.get(token_id)
            if key is None:
                key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=token_id)
                self._keys[token_id] = key
            if algorithm is RSA3072:
                return bytes(key.sign(_SHA256_INFO + digest, mechanism=pkcs11.Mechanism.RSA_PKCS))
            raw = key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
            return bytes(encode_ecdsa_signature(raw))

        return self._use(sign)

    def close(self) -> None:
        """Forget the session; the next use opens a new one."""
        with self._lock:
            self._forget()

    def _use(self, work: Callable[[Any], T]) -> T:
        import pkcs11  # noqa: PLC0415 -- as above

        with self._lock:
            try:
                return work(self._opened())
            except pkcs11.PinIncorrect as error:
                self._forget()
                self._refused_pin = self._pin()
                raise Unavailable("token.pin", token=self._place.label) from error
            except (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.DeviceRemoved) as error:
                self._forget()
                raise Unavailable("token.away", token=self._place.label) from error
            except pkcs11.NoSuchKey as error:
                self._forget()
                raise Unavailable("token.key_missing", token=self._place.label) from error
            except (pkcs11.PKCS11Error, RuntimeError) as error:
                self._forget()
                reason = type(error).__name__
                raise Unavailable("token.failed", token=self._place.label, reason=reason) from error

    def _opened(self) -> Any:
        """Return the session; open it when there is none or this process was forked off."""
        import pkcs11  # noqa: PLC0415 -- as above

        if self._generation != self._module.generation:
            self._session = None
            self._keys.clear()
        if self._session is not None and self._process == os.getpid():
            return self._session
        pin = self._pin()
        if pin == self._refused_pin:
            raise Unavailable("token.pin", token=self._place.label)
        token = self._module.token(self._place.label)
        try:
            session = token.open(rw=True, user_pin=pin[0])
        except pkcs11.UserAlreadyLoggedIn:
            session = token.open(rw=True)
        self._session, self._process = session, os.getpid()
        self._keys.clear()
        self._generation = self._module.generation
        return session

    def _forget(self) -> None:
        import pkcs11  # noqa: PLC0415 -- as above

        session, self._session = self._session, None
        self._keys.clear()
        if session is not None:
            with contextlib.suppress(pkcs11.PKCS11Error, RuntimeError):  # it may be gone already
                session.close()

    def _pin(self) -> tuple[str, int]:
        """Return the PIN, and when its file was last written."""
        try:
            written = self._place.pin_file.stat().st_mtime_ns
            return self._place.pin_file.read_text("utf-8").strip(), written
        except OSError as error:
            raise Unavailable("token.pin", file=self._place.pin_file) from error


@dataclass(frozen=True)
class TokenSigner(Vouched):
    """A key that lives in a token."""

    _token: Token = field(repr=False)
    _token_id: bytes
    _certificates: tuple[x509.Certificate, ...]
    role: Role
    algorithm: Algorithm
    public_key: PublicKey

    @property
    def hash_algorithm(self) -> Hash:
        """The hash that goes with the key."""
        return hash_of(self.algorithm)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`."""
        refuse_other_use(self.role, data)
        return self._sign(data)

    def ready(self) -> None:
        """Return if the token is there and has the key."""
        self._token.look(self._token_id)

    def prove(self, request_info: bytes) -> bytes:
        """Return the signature over a CertificationRequestInfo, which a key of any role may give.

        Raises:
            Refused: `key.role`, it is something else.
        """
        if shape_of(request_info) is not Shape.REQUEST:
            raise Refused("key.role", role=self.role.value, asked="proof")
        return self._sign(request_info)

    def _sign(self, data: bytes) -> bytes:
        digest = hashes.Hash(self.hash_algorithm)
        digest.update(data)
        return self._token.sign_digest(self._token_id, self.algorithm, digest.finalize())

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a digest made with `hash_algorithm`."""
        refuse_digest(self.role)
        return self._token.sign_digest(self._token_id, self.algorithm, digest)


_modules: dict[Path, Module] = {}
_tokens: dict[TokenPlace, Token] = {}
_making = threading.Lock()


def token_at(place: TokenPlace) -> Token:
    """Return the token of a place; a process logs in to each once."""
    with _making:
        if place not in _tokens:
            module = _modules.setdefault(place.library, Module(place.library))
            _tokens[place] = Token(place, module)
        return _tokens[place]


def module_at(library: Path) -> Module:
    """Return the module of a library."""
    with _making:
        return _modules.setdefault(library, Module(library))


def _public_key(public: Any) -> PublicKey:
    from pkcs11 import KeyType  # noqa: PLC0415 -- only where there is a module
    from pkcs11.util.ec import encode_ec_public_key  # noqa: PLC0415
    from pkcs11.util.rsa import encode_rsa_public_key  # noqa: PLC0415

    encode = encode_ec_public_key if public.key_type is KeyType.EC else encode_rsa_public_key
    key = load_der_public_key(encode(public))
    algorithm_of(key)
    return key  # type: ignore[return-value]  # algorithm_of has looked
