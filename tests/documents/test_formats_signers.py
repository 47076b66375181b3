"""Keys in a file, in a token (SoftHSM2), at a remote service: the same seam, the same refusals."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from tests.documents.formats_world import (
    NOTE,
    PASSWORD,
    enrolled,
    holding,
    private_key,
    self_signed,
    services_of,
    tool,
)

from pencere.documents.formats import cades
from pencere.documents.formats.cades import Choices
from pencere.documents.formats.csc import CscSigner
from pencere.documents.formats.pkcs11_token import open_token
from pencere.documents.formats.pkcs12 import open_pkcs12
from pencere.documents.formats.reading import read
from pencere.documents.formats.services import NetworkServices
from pencere.documents.formats.signer import sign_one
from pencere.documents.remote import SealService
from pencere.kernel.clock import FixedClock, SystemClock
from pencere.kernel.errors import PencereError
from pencere.trust.store import Reason

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"


def code_of(act):
    with pytest.raises(PencereError) as refusal:
        act()
    return refusal.value.code


@pytest.fixture(scope="session")
def token(world, tmp_path_factory):
    """A token with the key and certificates of the first person, as a card has them."""
    if not Path(LIBRARY).exists():
        tool("softhsm2-util")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "conf")
    key = private_key(world).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key").write_bytes(key)
    (folder / "leaf").write_bytes(world.signer.certificate.public_bytes(serialization.Encoding.DER))
    (folder / "above").write_bytes(world.signer.chain[0].public_bytes(serialization.Encoding.DER))
    label = f"card {os.getpid()}"
    module = (tool("pkcs11-tool"), "--module", LIBRARY, "--token-label", label)
    signing_in = ("--login", "--pin", "123456")
    subprocess.run(
        [
            *(tool("softhsm2-util"), "--init-token", "--free", "--label", label),
            *("--so-pin", "12345678", "--pin", "123456"),
        ],
        check=True,
        capture_output=True,
    )
    for kind, file, number in (
        ("privkey", "key", "01"),
        ("cert", "leaf", "01"),
        ("cert", "above", "02"),
    ):
        subprocess.run(
            [
                *(*module, *signing_in, "--write-object", folder / file, "--type", kind),
                *("--id", number, "--label", "sign"),
            ],
            check=True,
            capture_output=True,
        )
    return label


def test_a_token_signs_what_a_file_signs(world, token):
    signer = open_token(LIBRARY, token=token, label="sign", pin="123456")
    try:
        prepared = cades.prepare(NOTE, signer, world.services, Choices("B-LT"))

        assert holding(sign_one(signer, prepared))
        assert signer.certificate == world.signer.certificate
        assert list(signer.chain) == [world.signer.chain[0]]
    finally:
        signer.close()


def test_without_a_label_the_one_key_that_may_sign_is_taken(world, token):
    signer = open_token(LIBRARY, token=token, label=None, pin="123456")
    signer.close()

    assert signer.certificate == world.signer.certificate


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pin": "654321"}, "sign.pin_wrong"),
        ({"label": "another"}, "sign.key_missing"),
        ({"token": "another card"}, "sign.token_away"),
    ],
)
def test_a_token_that_will_not_sign_says_why(token, changes, code):
    arguments = {"token": token, "label": "sign", "pin": "123456"} | changes

    assert code_of(lambda: open_token(LIBRARY, **arguments)) == code


def test_what_is_no_library_is_a_wrong_setting(tmp_path):
    (tmp_path / "lib.so").write_text("nothing")

    refused = code_of(lambda: open_token(tmp_path / "lib.so", token=None, label=None, pin="1"))

    assert refused == "configuration.invalid"


def test_a_remote_key_signs_many_under_one_activation(trust_centre, world):
    signer = CscSigner(trust_centre.service)
    contents = [f"note {number}".encode() for number in range(20)]
    prepared = [
        cades.prepare(one, signer, world.services, Choices(enveloped=True)) for one in contents
    ]

    signatures = signer.sign_digests([one.digest for one in prepared])

    made = [one.finish(value) for one, value in zip(prepared, signatures, strict=True)]
    assert [read(one).holds for one in made] == [True] * 20
    assert signer.most_digests == 1000


def test_a_remote_service_that_is_away_or_refuses_says_so():
    away = SealService("http://127.0.0.1:9/csc/v1", "token", "seal")

    assert code_of(lambda: CscSigner(away).sign_digests([bytes(32)])) == "seal.unavailable"


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["RSA-2048", "P-384", "P-521"],
)
def test_keys_of_other_kinds_sign(tmp_path, key):
    certificate = self_signed(key)
    (tmp_path / "key.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", key, certificate, None, serialization.BestAvailableEncryption(b"p")
        )
    )
    signer = open_pkcs12(tmp_path / "key.p12", "p")
    prepared = cades.prepare(NOTE, signer, NetworkServices(SystemClock()), Choices())

    found = read(sign_one(signer, prepared), files={"n": NOTE})

    assert found.holds
    assert found.signatures[0].certificate == certificate


def test_a_wrong_password_and_a_missing_file_are_told_apart(world, tmp_path):
    assert code_of(lambda: open_pkcs12(world.files["first"], "wrong")) == "sign.password_wrong"
    assert code_of(lambda: open_pkcs12(tmp_path / "none", PASSWORD)) == "sign.key_missing"


def test_a_certificate_out_of_its_time_signs_nothing(world):
    ended = world.signer.certificate.not_valid_after_utc
    late = NetworkServices(FixedClock(ended.replace(year=ended.year + 1)))

    refused = code_of(lambda: cades.prepare(NOTE, world.signer, late, Choices()))

    assert refused == "certificate.expired"


def test_a_revoked_certificate_makes_no_lasting_signature(trust_centre, world, tmp_path):
    file = enrolled(trust_centre, tmp_path / "third.p12", "7ABCDE2", "+994501230003")
    signer = open_pkcs12(file, PASSWORD)
    trust_centre.centre.issuance.revoke(signer.certificate, Reason.KEY_COMPROMISE)
    prepared = cades.prepare(NOTE, signer, world.services, Choices("B-LT"))

    assert code_of(lambda: sign_one(signer, prepared)) == "certificate.revoked"


def test_a_time_stamp_that_cannot_be_had_leaves_nothing(trust_centre, world):
    away = services_of(trust_centre, tsa_url="http://127.0.0.1:9/tsa")
    prepared = cades.prepare(NOTE, world.signer, away, Choices("B-T"))

    assert code_of(lambda: sign_one(world.signer, prepared)) == "time_stamp.unavailable"


def test_another_root_is_not_signed_under(trust_centre, world):
    other = services_of(trust_centre, anchors=[world.signer.certificate])
    prepared = cades.prepare(NOTE, world.signer, other, Choices("B-LT"))

    assert code_of(lambda: sign_one(world.signer, prepared)) == "certificate.untrusted"
