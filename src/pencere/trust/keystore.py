"""Private keys of the certification centre, encrypted at rest, one file each, or in a token.

A key lives as PKCS#8 under a passphrase in `<name>.key` (0600), or in the PKCS#11 token that
`token.yaml` in the folder names; what it may be used for stands in `<name>.binding` (`binding`);
its certificate and the chain above it, as PEM, leaf first and without the root, in `<name>.crt`.
Whoever signs is given a `Signer`, never a key.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Conflict, Invalid, Misconfigured, Missing, Refused
from pencere.trust import der, quorum
from pencere.trust.algorithms import ALGORITHMS, P256, PrivateKey, PublicKey, algorithm_of
from pencere.trust.binding import Binding, Seal, fingerprint
from pencere.trust.durable import write_durably
from pencere.trust.quorum import Rule, Warrant
from pencere.trust.roles import Role, role_of
from pencere.trust.signers import Signer, SoftwareSigner
from pencere.trust.token import Token, TokenPlace, TokenSigner, token_at

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_QUORUM = "quorum.rule"
_BOUND = "bound.yes"


class Keystore:
    """A folder of keys under one passphrase. `installation` names whose approvals count.

    Raises:
        Misconfigured: the passphrase does not open a key, or a name is not a plain word.
        Missing: there is no such key or certificate.
        Conflict: a key of that name is there already; keys are never written over.
        Refused: `keystore.binding`, what is said of a key was changed; `quorum.*`, the key may be
            opened only with approvals.
        Unavailable: `token.*`, `storage.*`.
    """

    def __init__(self, folder: Path, passphrase: str, installation: str = "") -> None:
        self.folder = folder
        self._passphrase = passphrase.encode()
        self._seal = Seal(self._passphrase)
        self.installation = installation
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Return the names of the keys that are here."""
        found = [*self.folder.glob("*.key"), *self.folder.glob("*.binding")]
        return sorted({path.stem for path in found})

    def has_key(self, name: str) -> bool:
        """Say whether there is a key of that name, with a certificate or without."""
        if self._path(name, ".key").exists():
            return True
        # Where the key itself is a file, a binding without it was made just before a stop.
        path = self._path(name, ".binding")
        return path.exists() and Binding.from_json(self._seal.open(path)).token_id is not None

    def has(self, name: str) -> bool:
        """Say whether the key and its certificate are both here."""
        return self.has_key(name) and self._path(name, ".crt").exists()

    def has_certificate(self, name: str) -> bool:
        """Say whether a certificate of that name is here, with its key or without."""
        return self._path(name, ".crt").exists()

    def create(
        self,
        name: str,
        algorithm: str = P256.name,
        *,
        role: Role | None = None,
        rule: Rule | None = None,
    ) -> PublicKey:
        """Make a key and return its public half.

        It is bound to its role, by default the one its name says, and to the rule of those who
        must approve its opening. A key that never came to a certificate (the process was stopped
        in between) is used again; one that has a certificate is a Conflict.
        """
        if self.has_key(name):
            if self._path(name, ".crt").exists():
                raise Conflict("keystore.key_exists", name=name)
            return self.public_key(name)
        kind, place = ALGORITHMS.get(algorithm), self.folder / "token.yaml"
        if kind is None:
            raise Misconfigured(
                file=self.folder, key="algorithm", value=algorithm, example=", ".join(ALGORITHMS)
            )
        self._mark_bound()
        bound = (name, role or role_of(name), kind.name)
        if place.exists():
            token_id, public = self._token().generate(name, kind)
            self._bind(Binding(*bound, fingerprint(public), token_id, rule))
            return public
        key = kind.generate()
        public = key.public_key()
        self._bind(Binding(*bound, fingerprint(public), None, rule))
        self._write_key(name, key)
        return public

    def install(self, name: str, certificates: Sequence[x509.Certificate]) -> None:
        """Put the certificate of a key (first) and the chain above it beside the key."""
        if certificates[0].public_key() != self.public_key(name):
            raise Conflict("keystore.key_differs", name=name)
        self.keep_certificate(name, certificates)

    def keep_certificate(self, name: str, certificates: Sequence[x509.Certificate]) -> None:
        """Keep a certificate and its chain, whether or not the key is here: the root's is not."""
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
        write_durably(self._path(name, ".crt"), pem)

    def certificates(self, name: str) -> list[x509.Certificate]:
        """Return the certificate of a key and the chain above it, without opening the key."""
        crt = self._path(name, ".crt")
        if not crt.exists():
            raise Missing("keystore.certificate_missing", name=name)
        return x509.load_pem_x509_certificates(crt.read_bytes())

    def public_key(self, name: str) -> PublicKey:
        """Return the public half of a key. It opens nothing where there is a certificate."""
        binding = self.binding(name)
        if self._path(name, ".crt").exists():
            found = self.certificates(name)[0].public_key()
            if binding is None or fingerprint(found) == binding.key_sha256:  # type: ignore[arg-type]
                return found  # type: ignore[return-value]  # whatever it is, it was certified
        if binding is not None and binding.token_id is not None:
            return self._token_key(binding)
        return self._load(name, binding).public_key()

    def request(self, name: str) -> bytes:
        """Return a PKCS#10 request, DER, that proves the key is held here; its subject is empty."""
        key, binding = self.public_key(name), self.binding(name)
        algorithm = algorithm_of(key)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        info = der.sequence(der.integer(0), der.sequence(), spki, der.context(0, b""))
        if binding is not None and binding.token_id is not None:
            signer = self._token_signer(binding, ())
            # Every key may prove that it is held, whatever else its role lets it sign.
            signature = signer.prove(info)
        else:
            signature = algorithm.sign(self._load(name, binding), info)
        return der.sequence(info, algorithm.identifier, der.bit_string(signature))

    def signer(
        self, name: str, warrant: Warrant | None = None, *, at: datetime | None = None
    ) -> Signer:
        """Open a key; before its certificate is installed the signer has none.

        A key that is bound to a rule opens only with a warrant that satisfies it at `at`.
        """
        crt, binding = self._path(name, ".crt"), self.binding(name)
        certificates = tuple(self.certificates(name)) if crt.exists() else ()
        if binding is None:
            return SoftwareSigner(self._load(name, None), certificates, role_of(name))
        if binding.quorum is not None:
            if warrant is None or at is None:
                raise Refused("quorum.too_few", given=0, needed=binding.quorum.needed)
            quorum.verify(warrant, binding.quorum, installation=self.installation, at=at)
        if binding.token_id is not None:
            return self._token_signer(binding, certificates)
        return SoftwareSigner(self._load(name, binding), certificates, binding.role)

    def binding(self, name: str) -> Binding | None:
        """Return what a key is bound to; None for a key from before there were bindings."""
        path = self._path(name, ".binding")
        if not path.exists():
            if (self.folder / _BOUND).exists() and self._path(name, ".key").exists():
                raise Refused("keystore.binding", file=path, reason="missing")
            if not self._path(name, ".key").exists():
                raise Missing("keystore.key_missing", name=name)
            return None
        try:
            found = Binding.from_json(self._seal.open(path))
        except Refused:
            if self._path(name, ".key").exists():
                self._load(name, None)  # says so when it is only the passphrase that is wrong
            raise
        except (KeyError, ValueError, TypeError, Invalid) as error:
            raise Refused("keystore.binding", file=path, reason=type(error).__name__) from error
        if found.name != name:
            raise Refused("keystore.binding", file=path, reason="of another key")
        return found

    def bind_quorum(self, rule: Rule) -> None:
        """Keep the rule under which operations of the running centre are approved."""
        write_durably(self.folder / _QUORUM, self._seal.close(rule.as_json()))

    def quorum(self) -> Rule:
        """Return the rule under which operations of the running centre are approved."""
        path = self.folder / _QUORUM
        if not path.exists():
            raise Missing("keystore.quorum_missing")
        return Rule.from_json(self._seal.open(path))

    def move(self, name: str, other: "Keystore", rule: Rule) -> None:
        """Move a key that is a file here to another keystore, where it is bound to a rule."""
        key = self._load(name, self.binding(name))
        other._mark_bound()  # noqa: SLF001 -- another of ourselves
        kind = algorithm_of(key).name
        other._bind(  # noqa: SLF001
            Binding(name, role_of(name), kind, fingerprint(key.public_key()), None, rule)
        )
        other._write_key(name, key)  # noqa: SLF001
        if self.has_certificate(name):
            other.keep_certificate(name, self.certificates(name))
        self._path(name, ".key").unlink()
        self._path(name, ".binding").unlink(missing_ok=True)

    def _write_key(self, name: str, key: PrivateKey) -> None:
        pem = key.private_bytes(
            Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrase),
        )
        write_durably(self._path(name, ".key"), pem)

    def _mark_bound(self) -> None:
        """From the first key made with a binding on, a key without one was tampered with."""
        is_new = not any(self.folder.glob("*.key"))
        if is_new and not (self.folder / _BOUND).exists():
            write_durably(self.folder / _BOUND, b"every key here has a binding\n")

    def _bind(self, binding: Binding) -> None:
        write_durably(self._path(binding.name, ".binding"), self._seal.close(binding.as_json()))

    def _token(self) -> Token:
        return token_at(TokenPlace.read(self.folder / "token.yaml"))

    def _token_key(self, binding: Binding) -> PublicKey:
        assert binding.token_id is not None  # noqa: S101  # asked by the callers
        key = self._token().public_key(binding.token_id)
        if fingerprint(key) != binding.key_sha256:
            raise Refused("keystore.binding", name=binding.name, reason="another key")
        return key

    def _token_signer(
        self, binding: Binding, certificates: tuple[x509.Certificate, ...]
    ) -> TokenSigner:
        key, token_id = self._token_key(binding), binding.token_id
        assert token_id is not None  # noqa: S101  # asked by the callers
        algorithm = ALGORITHMS[binding.algorithm]
        return TokenSigner(self._token(), token_id, certificates, binding.role, algorithm, key)

    def _load(self, name: str, binding: Binding | None) -> PrivateKey:
        path = self._path(name, ".key")
        if not path.exists():
            raise Missing("keystore.key_missing", name=name)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), self._passphrase)
        except ValueError as error:
            raise Misconfigured(
                file=path,
                key="passphrase",
                value="(hidden)",
                example="the secret that was in force when the key was made",
            ) from error
        try:
            algorithm_of(key)
        except Invalid:
            raise Misconfigured(
                file=path, key="key", value=type(key).__name__, example="P-256"
            ) from None
        if binding is not None and fingerprint(key.public_key()) != binding.key_sha256:  # type: ignore[arg-type]
            raise Refused("keystore.binding", name=name, reason="another key")
        return key  # type: ignore[return-value]  # algorithm_of has looked

    def _path(self, name: str, suffix: str) -> Path:
        if not NAME.fullmatch(name):
            raise Misconfigured(file=self.folder, key="name", value=name, example="tsa")
        return self.folder / (name + suffix)
