"""The log of a database: the key that signs its checkpoints, the thread that orders it."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.ledger.sequencer import Sequencer
from pencere.ops.installation import Installation
from pencere.trust.durable import write_durably
from pencere.trust.keystore import Keystore
from pencere.trust.signers import LogSigner
from pencere.trust.stamping import TimeStampClient

# Which role orders the log of which database.
LEDGERS = {
    "trust": "trust",
    "registers": "registers",
    "gateway-portal": "gateway_portal",
    "gateway-agencies": "gateway_agencies",
    "worker": "web",
}


def ledger_signer(installation: Installation, role: str) -> LogSigner:
    """Return the key of the role's log, made at first use; its public half is published."""
    if role == "trust":
        keystore = Keystore(installation.trust, installation.secret("keystore"))
    else:
        keystore = Keystore(installation.keys / role, installation.secret(f"keys/{role}"))
    if "ledger" not in keystore.names():
        keystore.create("ledger")
    signer = LogSigner(keystore.signer("ledger"))
    pem = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    published = installation.pki / f"ledger-{LEDGERS[role]}.pem"
    if not published.exists() or published.read_bytes() != pem:
        write_durably(published, pem, mode=0o644)
    return signer


def origin_of(database: str) -> str:
    """Return the name of a database's log, as its checkpoints carry it."""
    return f"pencere.az/{database}"


def start_sequencer(installation: Installation, role: str) -> Sequencer:
    """Start the thread; it ends with the process."""
    database = LEDGERS[role]
    sequencer = Sequencer(
        installation.database_url(database),
        origin_of(database),
        ledger_signer(installation, role),
        time_stamp=TimeStampClient(f"{installation.address('trust')}/tsa").token,
    )
    sequencer.start()
    return sequencer
