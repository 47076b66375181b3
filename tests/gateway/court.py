"""Two nodes with keys of a real certification centre: what a court would be shown."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from tests.gateway.conftest import CONSUMER, PROVIDER, Answer, Loop, Pair, Upstream, ask, headers

from pencere.gateway.throwaway import ThrowawayKey
from pencere.ledger.sequencer import Sequencer
from pencere.trust import signed_json
from pencere.trust.stamping import TimeStampClient, verify_token

ORIGIN = "pencere.az/gateway_agencies"


@dataclass
class LogKey:
    """The key of a ledger in memory."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        return self.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class RegisterKey:
    """The state register's key for the directory, of the centre."""

    def __init__(self, centre: Any) -> None:
        self._signer = centre.centre.keystore.signer("directory")
        self._anchors = [centre.root]

    def sign(self, payload: Mapping[str, Any]) -> str:
        return signed_json.sign(dict(payload), self._signer)

    @property
    def verify(self) -> Callable[[str, datetime], Mapping[str, Any]]:
        return lambda jws, at: signed_json.verify(jws, self._anchors, at, "directory")[0]


class Court(Pair):
    """A pair whose nodes are certified, time-stamped and ordered in a ledger."""

    def __init__(
        self, folder: Path, loop: Loop, upstream: Upstream, databases: Any, centre: Any
    ) -> None:
        self.centre = centre
        self.log_key = LogKey(ec.generate_private_key(ec.SECP256R1()))
        (folder / "ledger.pem").write_bytes(self.log_key.pem)
        super().__init__(folder, loop, upstream, databases)
        issued = [node_key(centre, name) for name in (CONSUMER, PROVIDER)]
        self.keys = (issued[0][0], issued[1][0])
        self.files = [key.write(folder, f"node{at}") for at, key in enumerate(self.keys)]
        chain = [*issued[0][1], centre.root]
        self.anchors.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        self.directory_key = RegisterKey(centre)  # type: ignore[assignment]
        self.publish(2)
        self.sequencer: Sequencer | None = None

    def config(self, at: int, **changes: Any) -> Any:
        anchors = [self.centre.root]
        values = {
            "tsa_url": self.centre.tsa_url,
            "verify_token": lambda token, digest: verify_token(token, digest, anchors),
            "stamp_every_s": 0.2,
            "ledger_origin": ORIGIN,
            "ledger_key": self.folder / "ledger.pem",
        }
        return super().config(at, **(values | changes))

    def order(self) -> None:
        """Start to order the provider's ledger."""
        self.sequencer = Sequencer(self.databases[1].app, ORIGIN, self.log_key)
        self.sequencer.start()

    def close(self) -> None:
        if self.sequencer is not None:
            self.sequencer.stop()
        self.stop()

    def exchanged(self, body: bytes = b'{"by": {}}', number: str = "court-1") -> str:
        """Make an exchange; wait until its batch is stamped and its leaf in a checkpoint."""
        given = [*headers(), ("X-Road-Id", number)]
        assert self.ask(given, body).status == 200
        for at in (0, 1):
            self.wait(
                at,
                "select count(*) from gateway.response r left join gateway.batch_member m"
                " on m.response_seq = r.seq where m.batch is null",
                0,
            )
        self.wait(
            1,
            "select count(*) from ledger.pending p where not exists (select from ledger.leaf l,"
            " ledger.checkpoint c where l.pending_id = p.id and c.size > l.index)",
            0,
        )
        return number

    def wait(self, at: int, query: str, value: int) -> None:
        end = time.monotonic() + 60
        while self.rows(at, query) != [(value,)]:
            assert time.monotonic() < end, query
            time.sleep(0.05)

    def evidence(self, number: str, at: int = 0, **options: str) -> Answer:
        query = "&".join(f"{key}={value}" for key, value in ({"queryId": number} | options).items())
        given = [pair for pair in headers() if pair[0] in {"X-Road-Client", "Pencere-Client-Key"}]
        return ask(self.ports[at], "GET", f"/asic?{query}", given)


def node_key(centre: Any, name: str) -> tuple[ThrowawayKey, list[x509.Certificate]]:
    """Return a node's key with a certificate of the centre, and the chain above it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    certificate, *above = centre.centre.issue_node_certificate(
        request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER),
        body=name.split("/")[2],
        organization="Sınaq idarəsi",
        name=name,
        addresses=("127.0.0.1",),
    )
    return ThrowawayKey(key, certificate), above


def stamper(centre: Any) -> Callable[[bytes], bytes]:
    """Return the centre's time-stamps."""
    return TimeStampClient(centre.tsa_url).token
