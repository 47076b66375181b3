"""The service with its database gone, and issuing killed in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta

import httpx
import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from psycopg import sql
from tests.trust.conftest import NOW, Founded

from pencere.trust import reservations
from pencere.trust.ocsp import TRY_LATER
from pencere.trust.server import TrustConfig, create_app


def test_without_a_database_no_status_is_given_and_health_says_so(
    founded: Founded, postgres: object
) -> None:
    leaf, issuer = founded.certificate("tsa"), founded.certificate("issuing-infrastructure")
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    body = request.public_bytes(Encoding.DER)
    centre = founded.centre
    config = TrustConfig(
        centre.issuance, centre.keystore, centre.pki, ledger_origin=None, clock=founded.clock
    )

    def set_reachable(answer: bool) -> None:
        name = psycopg.conninfo.conninfo_to_dict(founded.conninfo)["dbname"]
        with psycopg.connect(postgres.installation.superuser_url(), autocommit=True) as server:
            server.execute(
                sql.SQL("alter database {} allow_connections {}").format(
                    sql.Identifier(name), sql.Literal(answer)
                )
            )
            server.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )

    async def ask() -> tuple[httpx.Response, ...]:
        app = create_app(config)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://trust") as client,
        ):
            before = await client.post("/ocsp", content=body)
            set_reachable(False)
            try:
                await asyncio.sleep(0.2)  # the connections are seen to be gone
                return (
                    before,
                    await client.post("/ocsp", content=body),
                    await client.get("/crl/root.crl"),
                    await client.get("/healthz"),
                )
            finally:
                set_reachable(True)

    before, after, revocation_list, health = asyncio.run(ask())

    good = ocsp.load_der_ocsp_response(before.content).certificate_status
    assert (good, after.content, revocation_list.status_code, health.status_code) == (
        ocsp.OCSPCertStatus.GOOD,
        TRY_LATER,
        503,
        503,
    )


def test_a_kill_during_the_signature_leaves_a_revoked_serial(founded: Founded) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from cryptography.hazmat.primitives.asymmetric import ec
        from pencere.kernel.clock import FixedClock
        from datetime import datetime
        from pencere.trust.contents import Holder
        from pencere.trust.issuance import Issuance
        from pencere.trust.keystore import Keystore
        from pencere.trust.profile import load_authority

        conninfo, folder, now = sys.argv[1:]
        keystore = Keystore(Path(folder), "the passphrase of the tests")
        clock = FixedClock(datetime.fromisoformat(now))
        issuance = Issuance(conninfo, load_authority(), "http://127.0.0.1:1", clock, b"k" * 32)

        class Killed:
            def __init__(self, signer):
                self.signer = signer
            def __getattr__(self, name):
                return getattr(self.signer, name)
            def sign(self, data):
                self.signer.sign(data)
                os.kill(os.getpid(), signal.SIGKILL)

        values = {"country": "AZ", "organization": "X", "organization_identifier": "NTRAZ-x",
                  "common_name": "killed"}
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        holder = Holder(values, key, ("127.0.0.1",))
        issuance.issue("tls-node", holder, issuer_name="issuing-infrastructure",
                       signer=Killed(keystore.signer("issuing-infrastructure")))
        """
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", script, founded.conninfo),
            *(str(founded.folder / "keys"), NOW.isoformat()),
        ],
        env=os.environ,
        capture_output=True,
        check=False,
        timeout=60,
    )

    with founded.connect() as connection:
        row = connection.execute(
            "select serial, state from trust.certificate where holder = 'NTRAZ-x'"
        ).fetchone()
        condemned = reservations.condemn(
            connection, before=NOW + timedelta(minutes=5), at=NOW + timedelta(minutes=6)
        )
    assert (done.returncode, row[1], condemned) == (-signal.SIGKILL, "reserved", [bytes(row[0])])
