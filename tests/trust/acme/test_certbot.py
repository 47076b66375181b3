"""An unmodified public client obtains, renews, and revokes a certificate."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from tests.trust.acme.listener import Listener
from tests.trust.conftest import openssl, write_pem

from pencere.trust import store


@dataclass
class Certbot:
    """certbot with folders of its own."""

    listener: Listener
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folders = [
            part
            for name in ("config", "work", "logs")
            for part in (f"--{name}-dir", str(self.folder / name))
        ]
        return subprocess.run(
            [
                str(Path(sys.executable).parent / "certbot"),
                *arguments,
                *folders,
                *("--server", self.listener.directory, "--non-interactive"),
            ],
            env={
                **os.environ,
                "REQUESTS_CA_BUNDLE": str(self.listener.anchors),
                "PYTHONWARNINGS": "ignore",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def chain(self, name: str) -> list[x509.Certificate]:
        path = self.folder / "config" / "live" / name / "fullchain.pem"
        return x509.load_pem_x509_certificates(path.read_bytes())


@pytest.fixture
def certbot(listener: Listener, tmp_path: Path) -> Certbot:
    return Certbot(listener, tmp_path)


def test_certbot_obtains_renews_and_revokes(
    certbot: Certbot, listener: Listener, tmp_path: Path
) -> None:
    binding, key = listener.bind()
    challenge = ("--standalone", "--http-01-port", str(listener.challenge_port))
    bound = ("--eab-kid", binding.id, "--eab-hmac-key", key)

    obtained = certbot.run(
        *("certonly", *challenge, *bound, "-d", "service.dyp.az", "--ip-address", "127.0.0.1"),
        *("--agree-tos", "--register-unsafely-without-email"),
    )
    assert obtained.returncode == 0, obtained.stdout + obtained.stderr
    first = certbot.chain("service.dyp.az")
    openssl(
        *("verify", "-x509_strict", "-CAfile", str(listener.anchors)),
        *("-untrusted", write_pem(tmp_path / "above.pem", first[1])),
        *("-verify_hostname", "service.dyp.az", write_pem(tmp_path / "leaf.pem", first[0])),
    )

    renewed = certbot.run("renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert renewed.returncode == 0, renewed.stdout + renewed.stderr
    second = certbot.chain("service.dyp.az")
    assert second[0].serial_number != first[0].serial_number

    live = tmp_path / "config" / "live" / "service.dyp.az" / "cert.pem"
    revoked = certbot.run(
        *("revoke", "--cert-path", str(live), "--reason", "superseded", "--no-delete-after-revoke")
    )
    assert revoked.returncode == 0, revoked.stdout + revoked.stderr
    with listener.connect() as connection:
        found = store.status(connection, "issuing-infrastructure", second[0].serial_number)
    assert (found.state, found.reason) == ("issued", store.Reason.SUPERSEDED)


def test_certbot_without_a_binding_opens_no_account(certbot: Certbot, listener: Listener) -> None:
    refused = certbot.run(
        *("certonly", "--standalone", "--http-01-port", str(listener.challenge_port)),
        *("-d", "service.dyp.az", "--agree-tos", "--register-unsafely-without-email"),
    )

    assert refused.returncode != 0
    assert "external account binding" in (refused.stdout + refused.stderr).lower()
