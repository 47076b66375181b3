"""pkilint, as anyone would call it, finds nothing at NOTICE or above in what the centre makes."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.trust.conftest import NOW, Enrolee, Founded, csr

from pencere.trust import crl, lint, store
from pencere.trust.profile import AUTHORITIES, ISSUING, load_profile

# The tests answer at 127.0.0.1, which has no public name.
OF_LOOPBACK = {"etsi.internal_domain_name"}


def issued(founded: Founded) -> list[tuple[str, bytes]]:
    with founded.connect() as connection:
        return connection.execute(
            "select profile, encoded from trust.certificate where state = 'issued'"
        ).fetchall()


def test_every_certificate_is_clean(founded: Founded, aydan: Enrolee) -> None:
    founded.centre.issue_seal(body="dyp", organization="X", token="t" * 43)
    founded.centre.issue_node_certificate(
        csr(ec.generate_private_key(ec.SECP256R1())),
        body="idda",
        organization="X",
        name="n",
        addresses=("node.gov.az",),
    )

    found = {
        profile: set(lint.foreign_findings(bytes(encoded), load_profile(profile).lint))
        - OF_LOOPBACK
        for profile, encoded in issued(founded)
    }

    kinds = {"root", *ISSUING, "ocsp", "tsa", "directory", "transcript", "seal", "tls-node"}
    assert {name for name, findings in found.items() if findings} == set()
    assert kinds | {"person-signature", "person-authentication"} <= set(found)


def command(name: str, *arguments: str) -> str:
    """Run one of pkilint's own commands; its exit code counts findings."""
    tool = Path(sys.executable).with_name(name)
    done = subprocess.run(
        [str(tool), "lint", "-s", "NOTICE", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
    )
    return (done.stdout + done.stderr).decode().strip() if done.returncode else ""


@pytest.mark.parametrize("name", AUTHORITIES)
def test_every_list_is_clean(founded: Founded, aydan: Enrolee, name: str) -> None:
    founded.centre.issuance.revoke(aydan.signature, store.Reason.KEY_COMPROMISE)
    if name in ISSUING:
        signer = founded.centre.keystore.signer(name)
        lists = crl.Lists(name, signer, base_url=founded.centre.issuance.base_url)
        with founded.connect() as connection:
            crl.renew(connection, lists, founded.centre.pki, at=NOW)
    path = founded.folder / "list.pem"
    listed = x509.load_der_x509_crl((founded.centre.pki / f"{name}.crl").read_bytes())
    path.write_bytes(listed.public_bytes(Encoding.PEM))

    said = command("lint_crl", "-t", "ARL" if name == "root" else "CRL", "-p", "PKIX", str(path))

    assert said == ""
