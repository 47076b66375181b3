"""A ceremony is held: approvals first, then keys, certificates and lists, then the transcript.

Whatever was done before a stop is found again and kept, so the same approved file finishes the
ceremony within its time; when it is finished, the operation is used up. The root's keystore is
opened here and nowhere else, and it looks at the approvals itself before it opens the key.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Conflict, Misconfigured, Missing, Refused
from pencere.trust import crl, quorum, reservations, store
from pencere.trust.contents import Holder
from pencere.trust.durable import write_durably
from pencere.trust.founding.description import Certificate, Description, Key, Store
from pencere.trust.founding.transcript import Transcript, digest_of
from pencere.trust.issuance import Issuance, add_leaf
from pencere.trust.keystore import Keystore
from pencere.trust.profile import AUTHORITIES, load_profile
from pencere.trust.quorum import Rule, Warrant
from pencere.trust.signers import Signer
from pencere.trust.token import TokenPlace

log = logging.getLogger(__name__)

RENEWED_BEFORE = timedelta(days=30)
PERHAPS_SIGNED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Place:
    """Where a ceremony is held: the two keystores, the database, the folder of public files."""

    issuance: Issuance
    root: Keystore
    centre: Keystore
    pki: Path

    def keystore(self, name: str) -> Keystore:
        """Return the keystore that a key of this name lies in."""
        return self.root if name == "root" else self.centre

    def is_certified(self, name: str) -> bool:
        """Say whether a key has come to its certificate, also where the root is kept elsewhere."""
        return self.centre.has(name) or (name == "root" and self.centre.has_certificate(name))

    def certificate(self, name: str) -> x509.Certificate:
        """Return the certificate of a key; of the root's the centre keeps a copy."""
        return self.centre.certificates(name)[0]

    def ends_soon(self, name: str) -> bool:
        """Say whether the certificate of a key ends within `RENEWED_BEFORE`."""
        ends = self.certificate(name).not_valid_after_utc
        return ends - self.issuance.clock.now() <= RENEWED_BEFORE


@dataclass
class Rite:
    """One ceremony under way."""

    place: Place
    description: Description
    warrant: Warrant
    began: datetime = field(init=False)
    transcript: Transcript = field(init=False)

    def __post_init__(self) -> None:
        clock = self.place.issuance.clock
        self.began = clock.now().replace(microsecond=0)
        self.transcript = Transcript(self.description, clock, self.began)

    def hold(self) -> str:
        """Do everything that is described and return the signed transcript.

        Raises:
            Refused: `quorum.*`, `ceremony.*`; no key was opened.
            Conflict: `quorum.used`, this ceremony was finished before.
            Misconfigured: a keystore and the database are not of one installation.
            Unavailable: a token or the storage; the same file continues when it is back.
        """
        rule = self._refuse_unapproved()
        place, description = self.place, self.description
        place.pki.mkdir(parents=True, exist_ok=True)
        self._condemn()
        for key in description.keys:
            self._make_key(key)
        for certificate in description.certificates:
            self._certify(certificate)
        self.place.centre.bind_quorum(rule)
        self.transcript.add("quorum", needed=rule.needed, approvers=len(rule.approvers))
        self._publish()
        for name in description.lists:
            self._make_list(name)
        return self._finish(rule)

    def _refuse_unapproved(self) -> Rule:
        """Return the rule in force, after the approvals were found to satisfy it."""
        place, description = self.place, self.description
        if self.warrant.operation != description.operation:
            raise Refused("ceremony.other_file", expected=description.sha256.hex())
        rule = description.rule
        if place.root.has_key("root"):
            binding = place.root.binding("root")
            if binding is None or binding.quorum is None:
                raise Refused("ceremony.root_unbound")
            rule = binding.quorum
        quorum.verify(self.warrant, rule, installation=place.issuance.installation, at=self.began)
        with psycopg.connect(place.issuance.conninfo) as connection:
            if quorum.is_used(connection, description.operation):
                raise Conflict("quorum.used", kind=description.operation.kind)
        for name, described in description.stores.items():
            _refuse_other_store(place.root if name == "root" else place.centre, name, described)
        self.transcript.add("approved", approvers=[one.approver for one in self.warrant.approvals])
        return rule

    def _condemn(self) -> None:
        now = self.place.issuance.clock.now()
        with psycopg.connect(self.place.issuance.conninfo) as connection:
            before = now - PERHAPS_SIGNED_AFTER
            for serial in reservations.condemn(connection, before=before, at=now):
                self.transcript.add("perhaps-issued", name=serial.hex())

    def _make_key(self, key: Key) -> None:
        keystore = self.place.keystore(key.name)
        is_new = not keystore.has_key(key.name)
        if is_new and self.place.is_certified(key.name):
            # Where is it? A second root would split the country's trust in two.
            raise Refused("ceremony.key_away", name=key.name)
        if is_new:
            rule = self.description.rule if key.name == "root" else None
            keystore.create(key.name, key.algorithm, rule=rule)
        binding = keystore.binding(key.name)
        if binding is None:  # from before there were bindings
            self.transcript.add("key", name=key.name, made=False)
            return
        if binding.algorithm != key.algorithm:
            raise Refused("ceremony.key", name=key.name, algorithm=binding.algorithm)
        self.transcript.add(
            "key" if is_new else "key-kept",
            name=key.name,
            algorithm=binding.algorithm,
            role=binding.role.value,
            place="token" if binding.token_id else "file",
            sha256=binding.key_sha256.hex(),
        )

    def _certify(self, wanted: Certificate) -> None:
        place, keystore = self.place, self.place.keystore(wanted.key)
        if place.is_certified(wanted.key):
            refuse_stranger(place, wanted.key)
            if not place.ends_soon(wanted.key):
                kept = place.certificate(wanted.key)
                self.transcript.add("certificate-kept", name=wanted.key, sha256=digest_of(kept))
                return
        holder = Holder(_subject(place.issuance, wanted.profile), keystore.public_key(wanted.key))
        certificate = self._recorded(wanted, holder) or place.issuance.issue(
            wanted.profile,
            holder,
            issuer_name=wanted.issuer,
            signer=self._signer(wanted.issuer),
            is_self_signed=wanted.key == wanted.issuer,
            request_sha256=self.description.sha256,
            approvals=[{"by": one.approver, "for": "ceremony"} for one in self.warrant.approvals],
            days=wanted.days,
        )
        chain = [certificate]
        if wanted.issuer != "root":
            chain += place.centre.certificates(wanted.issuer)[:1]
        keystore.install(wanted.key, chain)
        if wanted.key == "root":
            place.centre.keep_certificate("root", chain)
        self.transcript.add(
            "certificate",
            name=wanted.key,
            profile=wanted.profile,
            issuer=wanted.issuer,
            serial=f"{certificate.serial_number:x}",
            sha256=digest_of(certificate),
        )

    def _recorded(self, wanted: Certificate, holder: Holder) -> x509.Certificate | None:
        """Return a certificate of this key that was stored, and not installed before a stop."""
        lasts = self.place.issuance.clock.now() + RENEWED_BEFORE
        with psycopg.connect(self.place.issuance.conninfo) as connection:
            rows = connection.execute(
                "select encoded from trust.certificate c where state = 'issued' and issuer = %s"
                " and profile = %s and not_after > %s and not exists"
                " (select from trust.revocation r where r.serial = c.serial)",
                (wanted.issuer, wanted.profile, lasts),
            ).fetchall()
        found = (x509.load_der_x509_certificate(bytes(row[0])) for row in rows)
        return next((one for one in found if one.public_key() == holder.public_key), None)

    def _signer(self, name: str) -> Signer:
        if name == "root":
            return self.place.root.signer("root", self.warrant, at=self.began)
        return self.place.centre.signer(name)

    def _publish(self) -> None:
        place = self.place
        for name in AUTHORITIES:
            pem = place.centre.certificates(name)[0].public_bytes(Encoding.PEM)
            write_durably(place.pki / f"{name}.crt", pem, mode=0o644)

    def _make_list(self, name: str) -> None:
        place = self.place
        lifetime = crl.ROOT_LIFETIME if name == "root" else crl.LIFETIME
        lists = crl.Lists(
            name, self._signer(name), base_url=place.issuance.base_url, lifetime=lifetime
        )
        with psycopg.connect(place.issuance.conninfo) as connection:
            crl.renew(connection, lists, place.pki, at=place.issuance.clock.now())
        digest = sha256((place.pki / f"{name}.crl").read_bytes()).hexdigest()
        self.transcript.add("list", name=name, sha256=digest)

    def _finish(self, rule: Rule) -> str:
        """Sign the transcript, use the operation up, put both on record and where people look."""
        place, description = self.place, self.description
        jws = self.transcript.sign(self.warrant, rule, place.centre.signer("transcript"))
        folder = place.pki / "ceremonies" / description.sha256.hex()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / "ceremony.yaml", description.content, mode=0o644)
        write_durably(folder / "transcript.jws", jws.encode("ascii"), mode=0o644)
        with psycopg.connect(place.issuance.conninfo) as connection:
            quorum.consume(
                connection,
                self.warrant,
                rule,
                installation=place.issuance.installation,
                at=self.began,
            )
            leaf: dict[str, object] = {
                "ceremony": description.sha256.hex(),
                "installation": description.installation,
                "transcript": sha256(jws.encode("ascii")).hexdigest(),
            }
            add_leaf(connection, "ceremony", leaf)
        log.info(
            "ceremony_held sha256=%s steps=%d",
            description.sha256.hex(),
            len(self.transcript.steps),
        )
        return jws


def refuse_stranger(place: Place, name: str) -> None:
    """Refuse a keystore whose certificates this database does not know."""
    certificate = place.certificate(name)
    try:
        with psycopg.connect(place.issuance.conninfo) as connection:
            store.certificate(connection, store.serial_bytes(certificate.serial_number))
    except Missing as error:
        raise Misconfigured(
            file=place.pki,
            key=f"keystore: {name}",
            value=f"serial {certificate.serial_number:x}, not in this database",
            example="the database and the keystore of the same installation",
        ) from error


def _subject(issuance: Issuance, profile_name: str) -> dict[str, str]:
    authority = issuance.authority
    values = {
        "country": authority.country,
        "organization": authority.organization,
        "organization_identifier": authority.organization_identifier,
        "common_name": authority.names[profile_name],
    }
    return {name: values[name] for name in load_profile(profile_name).subject}


def _refuse_other_store(keystore: Keystore, name: str, described: Store) -> None:
    file = keystore.folder / "token.yaml"
    found = TokenPlace.read(file) if file.exists() else None
    given = (str(found.library), found.label) if found else (None, None)
    if given != (described.library, described.token):
        raise Refused("ceremony.store", store=name, described=described.token, found=given[1])
