"""Whatever the bytes are: an answer or the one error, and never "holds" for changed content."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.documents.formats_world import NOTE, OTHER, self_signed, signed_at

from pencere.documents.formats import algorithms, asic, ber, cms, tokens, xades
from pencere.documents.formats.algorithms import Scheme
from pencere.documents.formats.reading import read
from pencere.documents.formats.signer import sign_one
from pencere.documents.formats.texts import problems, refusals
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="session")
def samples(world):
    """One good file of each kind, at the highest level, with what it is over."""
    at = SystemClock().now()

    def contained(flavour):
        prepared = asic.prepare(
            asic.new({"note.txt": NOTE, "vote.txt": OTHER}),
            world.signer,
            world.services,
            flavour=flavour,
            level="B-LTA",
            at=at,
        )
        return sign_one(world.signer, prepared)

    document = b"<act><sum>30.00</sum></act>"
    prepared = xades.prepare_enveloped(document, world.signer, world.services, level="B-LTA", at=at)
    return {
        "cades": signed_at(world, NOTE, "B-LTA"),
        "enveloping": signed_at(world, NOTE, "B-LTA", enveloped=True),
        "asice-cades": contained("cades"),
        "asice-xades": contained("xades"),
        "xades": sign_one(world.signer, prepared),
    }


KINDS = ("cades", "enveloping", "asice-cades", "asice-xades", "xades")


def answer(content, kind):
    """Return what is found, or None for the one error; any other error fails the test."""
    try:
        return read(content, files={"note.txt": NOTE} if kind == "cades" else {})
    except Invalid as error:
        assert error.code in {  # noqa: PT017 - an answer is as good
            "format.damaged",
            "format.dangerous",
            "format.too_large",
            "format.unknown",
            "format.unsupported",
        }
        return None


def signed_content(found):
    """Return the digests of what is found, as far as it is what was signed."""
    return {one.name: one.sha256 for one in found.files}


def assert_not_deceived(samples, kind, mutated):
    found = answer(mutated, kind)
    if found is None or not found.holds:
        return
    good = answer(samples[kind], kind)
    # What was not signed may have changed (a date in a ZIP entry, a space between attributes).
    if kind == "xades":
        assert xades.without_signatures(mutated) == xades.without_signatures(samples[kind])
    else:
        assert signed_content(found) == signed_content(good)
    assert [one.certificate for one in found.signatures] == [
        one.certificate for one in good.signatures
    ]
    assert [one.claimed_at for one in found.signatures] == [
        one.claimed_at for one in good.signatures
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_hold(samples, kind):
    assert answer(samples[kind], kind).holds


@FEW
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_one_changed_byte_never_deceives(samples, kind, data):
    content = bytearray(samples[kind])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))

    assert_not_deceived(samples, kind, bytes(content))


@FEW
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_pieces_cut_out_doubled_or_put_in_never_deceive(samples, kind, data):
    content = samples[kind]
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    put = data.draw(
        st.sampled_from([b"", content[start:end] * 2, b"\xff" * 8]) | st.binary(max_size=40)
    )

    assert_not_deceived(samples, kind, content[:start] + put + content[end:])


@FEW
@given(st.sampled_from([b"", b"0\x80", b"PK\x03\x04", b"<a>", b"<?xml", b"0\x82"]), st.binary())
def test_noise_is_the_one_error(start, noise):
    found = answer(start + noise, "cades")

    assert found is None or not found.holds


@FEW
@given(st.binary(max_size=200))
def test_whatever_a_token_is_it_never_raises(noise):
    assert tokens.check("signature", noise, b"content").problems != ()


@FEW
@given(st.binary(max_size=300))
def test_basic_encoding_rules_give_an_element_or_the_one_error(noise):
    try:
        node = ber.parse(noise)
    except Invalid:
        return
    assert node.encoded == noise


@pytest.mark.parametrize(
    "content",
    [
        b"\x30\x80" * 5000,
        b"0\x84\xff\xff\xff\xff" + bytes(100),
        b"<a>" * 20_000,
        b"<a " + b" ".join(b'b%d="1"' % number for number in range(20_000)) + b"/>",
        b"PK\x03\x04" + bytes(1000),
        b"PK\x05\x06" + bytes(18),
        bytes(1000),
    ],
    ids=["nested", "length", "deep", "attributes", "zip", "empty zip", "zeros"],
)
def test_what_is_made_to_overwhelm_is_refused_at_once(content):
    found = answer(content, "cades")

    assert found is None or not found.holds


def test_a_signature_in_basic_encoding_is_read_like_another(world):
    made = signed_at(world, NOTE, "B-LT")
    outer = ber.parse(made).children()
    # ContentInfo and SignedData with indefinite lengths, as some programs write them.
    inner = ber.parse(outer[1].content).content
    indefinite = b"\x30\x80" + outer[0].encoded + b"\xa0\x80\x30\x80" + inner + bytes(2) * 3

    found = read(indefinite, files={"note.txt": NOTE})

    assert found.holds
    assert found.signatures[0].level == "B-LT"


def test_every_problem_has_its_words():
    said = problems()

    assert {verdict for verdict, _ in said.values()} == {"invalid", "indeterminate"}
    assert all(len({text.az, text.en, text.ru}) == 3 for _, text in said.values())
    assert all(len({text.az, text.en, text.ru}) == 3 for text in refusals().values())


RSA = rsa.generate_private_key(65537, 2048)
SMALL = rsa.generate_private_key(65537, 1024)
P256 = ec.generate_private_key(ec.SECP256R1())
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@pytest.mark.parametrize(
    ("key", "scheme", "signature"),
    [
        (RSA, Scheme("rsa", "sha256"), RSA.sign(NOTE, padding.PKCS1v15(), hashes.SHA256())),
        (RSA, Scheme("rsa-pss", "sha256", 32, "sha256"), RSA.sign(NOTE, PSS, hashes.SHA256())),
        (P256, Scheme("ecdsa", "sha384"), P256.sign(NOTE, ec.ECDSA(hashes.SHA384()))),
        *(
            (key, Scheme(name, "sha512"), key.sign(NOTE))
            for key, name in (
                (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
                (ed448.Ed448PrivateKey.generate(), "ed448"),
            )
        ),
    ],
    ids=["RSA", "PSS", "ECDSA", "Ed25519", "Ed448"],
)
def test_each_kind_of_signature_is_verified_and_no_other_taken_for_it(key, scheme, signature):
    public = key.public_key()
    algorithms.verify(public, scheme, signature, NOTE)

    for other, content, value in (
        (public, OTHER, signature),
        (public, NOTE, signature[:-1] + bytes([signature[-1] ^ 1])),
        (public, NOTE, b""),
        (SMALL.public_key(), NOTE, signature),
    ):
        with pytest.raises(algorithms.InvalidSignature):
            algorithms.verify(other, scheme, value, content)
    assert not algorithms.is_weak(public, scheme)


def test_old_digests_and_small_keys_are_weak():
    assert algorithms.is_weak(P256.public_key(), Scheme("ecdsa", "sha1"))
    assert algorithms.is_weak(SMALL.public_key(), Scheme("rsa", "sha256"))


def test_what_others_sign_with_is_read(tmp_path):
    import subprocess

    from cryptography.hazmat.primitives import serialization

    (tmp_path / "key").write_bytes(
        RSA.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (tmp_path / "cert").write_bytes(self_signed(RSA).public_bytes(serialization.Encoding.PEM))
    (tmp_path / "note").write_bytes(NOTE)
    read_as = {}
    for name, choices in {
        "rsa": ["-md", "sha256"],
        "pss": ["-md", "sha512", "-keyopt", "rsa_padding_mode:pss"],
        "sha1": ["-md", "sha1"],
        "plain": ["-md", "sha256", "-noattr"],
    }.items():
        cades_too = [] if name == "plain" else ["-cades"]
        signer = ["-signer", "cert", "-inkey", "key"]
        # openssl wants the options of a key right after the key.
        options = [*choices[2:]] if name == "pss" else []
        rest = choices[:2] if name == "pss" else choices
        subprocess.run(
            [
                *("openssl", "cms", "-sign", "-binary", "-in", "note", "-outform", "DER"),
                *(*signer, *options, *rest, *cades_too, "-out", name),
            ],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
        (one,) = read((tmp_path / name).read_bytes(), files={"note": NOTE}).signatures
        read_as[name] = (one.signature_algorithm, one.problems)

    assert read_as == {
        "rsa": ("rsa-sha256", ()),
        "pss": ("rsa-pss-sha512", ()),
        "sha1": ("rsa-sha1", ("signature.weak_algorithm",)),
        "plain": ("rsa-sha256", ("signature.not_bound",)),
    }
    assert (
        hashlib.sha256(NOTE).hexdigest()
        == read((tmp_path / "rsa").read_bytes(), files={"note": NOTE}).files[0].sha256
    )
    assert cms.load((tmp_path / "rsa").read_bytes()).content is None
