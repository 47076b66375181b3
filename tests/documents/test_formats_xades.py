"""XAdES in XML documents, and what attacks on XML signatures come to."""

import subprocess

import pytest
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod
from signxml.xades import XAdESSigner, XAdESVerifier
from tests.documents.formats_world import NOTE, private_key, tool

from pencere.documents.formats import xades
from pencere.documents.formats.reading import read
from pencere.documents.formats.signer import sign_one
from pencere.documents.formats.xmlsafe import DS, XADES
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!-- before --><act xmlns="urn:act" xmlns:x="urn:x" Id="a1"><name x:lang="az">Əlaqə</name>
  <sum currency="AZN">30.00</sum><!-- inside -->
</act>
""".encode()
LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


def signed(world, document, level, signer=None):
    signer = signer or world.signer
    prepared = xades.prepare_enveloped(
        document, signer, world.services, level=level, at=SystemClock().now()
    )
    return sign_one(signer, prepared)


@pytest.fixture(scope="session")
def documents(world):
    return {level: signed(world, DOCUMENT, level) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_whole_and_says_what_it_is(world, documents, level):
    found = read(documents[level])

    assert (found.form, found.holds) == ("xades", True)
    (one,) = found.signatures
    assert (one.level, one.covers) == (level, ("document.xml",))
    assert one.certificate == world.signer.certificate
    assert one.signature_algorithm == "ecdsa-sha256"


@pytest.mark.parametrize("level", LEVELS)
def test_xmlsec_verifies_each_level(world, documents, tmp_path, level):
    (tmp_path / "root.pem").write_bytes(world.root_pem)
    (tmp_path / "act.xml").write_bytes(documents[level])

    done = subprocess.run(
        [
            *(tool("xmlsec1"), "--verify", "--id-attr:Id", "SignedProperties"),
            *("--trusted-pem", "root.pem", "act.xml"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()


def test_what_another_library_signs_is_read(world):
    signer = XAdESSigner(
        signature_algorithm=SignatureMethod.ECDSA_SHA256, digest_algorithm=DigestAlgorithm.SHA256
    )
    made = signer.sign(
        etree.fromstring(DOCUMENT),
        key=private_key(world),
        cert=[world.signer.certificate, *world.signer.chain],
    )

    found = read(etree.tostring(made))

    assert [(one.level, one.problems) for one in found.signatures] == [("B-B", ())]


def test_another_library_reads_what_we_sign_detached(world):
    made = sign_one(
        world.signer,
        xades.prepare_detached(
            {"note.txt": NOTE},
            world.signer,
            world.services,
            level="B-B",
            at=SystemClock().now(),
            container=False,
        ),
    )

    results = XAdESVerifier().verify(
        etree.fromstring(made),
        x509_cert=world.signer.certificate,
        uri_resolver=lambda uri: {"note.txt": NOTE}[uri],
        expect_references=2,
        expect_config=SignatureConfiguration(expect_references=2),
    )

    assert len(results) == 2
    assert read(made, files={"note.txt": NOTE}).holds


def test_a_second_signature_stands_beside_the_first(world, documents):
    both = read(signed(world, documents["B-LTA"], "B-T", world.second))

    assert both.holds
    assert [one.level for one in both.signatures] == ["B-LTA", "B-T"]


@pytest.mark.parametrize("level", ["B-T", "B-LT", "B-LTA"])
def test_a_signature_grows_and_is_renewed_without_its_signer(world, documents, level):
    grown = xades.extend(documents["B-B"], {}, level, world.services)
    again = xades.extend(grown, {}, level, world.services)

    assert [read(one).holds for one in (grown, again)] == [True, True]
    stamps = [stamp.kind for stamp in read(again).signatures[0].stamps]
    assert stamps == ["signature", *["archive"] * (2 if level == "B-LTA" else 0)]


@pytest.mark.parametrize("level", LEVELS)
def test_a_changed_sum_is_altered(documents, level):
    (one,) = read(documents[level].replace(b"30.00", b"90.00")).signatures

    assert one.problems == ("signature.altered",)


def test_a_changed_time_of_signing_is_altered(documents):
    document = documents["B-B"]
    at = document.index(b"SigningTime>") + 12
    changed = document[:at] + b"1999" + document[at + 4 :]

    assert "signature.altered" in read(changed).signatures[0].problems


def wrapped(document):
    """Return the signed act as an inner part of another act, the classic attack."""
    inner = etree.fromstring(document)
    outer = etree.fromstring(DOCUMENT.replace(b"30.00", b"99.00"))
    signature = inner.find(f"{{{DS}}}Signature")
    outer.append(signature)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(inner)
    return etree.tostring(outer)


def test_wrapping_is_no_way_to_another_content(documents):
    found = read(wrapped(documents["B-B"]))

    assert not found.holds
    assert "signature.altered" in found.signatures[0].problems


def test_content_put_into_the_signature_is_not_signed(documents):
    root = etree.fromstring(documents["B-B"])
    hidden = etree.SubElement(root.find(f"{{{DS}}}Signature"), f"{{{DS}}}Object")
    hidden.append(etree.fromstring(b"<act><sum>99.00</sum></act>"))

    assert read(etree.tostring(root)).signatures[0].problems == ("signature.dangerous",)


def test_a_reference_to_a_part_of_the_document_is_not_taken_for_the_whole(world):
    signer = XAdESSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256)
    root = etree.fromstring(b'<acts><act Id="part">30.00</act></acts>')
    made = signer.sign(
        root,
        key=private_key(world),
        cert=[world.signer.certificate, *world.signer.chain],
        reference_uri=["#part"],
    )

    found = read(etree.tostring(made))

    assert not found.holds
    assert found.signatures[0].problems == ("signature.unsupported",)


def test_two_elements_of_one_id_are_an_attack(documents):
    root = etree.fromstring(documents["B-B"])
    properties = next(root.iter(f"{{{XADES}}}SignedProperties"))
    root.append(etree.fromstring(f'<x Id="{properties.get("Id")}"/>'))

    (one,) = read(etree.tostring(root)).signatures

    assert "signature.dangerous" in one.problems


@pytest.mark.parametrize(
    "transform",
    [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "urn:whatever",
    ],
)
def test_a_transform_that_is_not_known_is_not_followed(documents, transform):
    root = etree.fromstring(documents["B-B"])
    next(root.iter(f"{{{DS}}}Transform")).set("Algorithm", transform)

    (one,) = read(etree.tostring(root)).signatures

    assert "signature.unsupported" in one.problems


def test_an_xpath_that_says_something_else_is_not_followed(documents):
    root = etree.fromstring(documents["B-B"])
    next(root.iter(f"{{{DS}}}XPath")).text = "not(ancestor-or-self::sum)"

    assert "signature.unsupported" in read(etree.tostring(root)).signatures[0].problems


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE act [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE act [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE act SYSTEM "http://127.0.0.1:9/act.dtd">',
    ],
)
def test_document_types_and_entities_are_refused(prologue):
    with pytest.raises(PencereError) as refusal:
        read(f"<?xml version='1.0'?>{prologue}<act>&b;</act>".encode())

    assert refusal.value.code in {"format.dangerous", "format.damaged"}


def test_processing_instructions_beside_the_root_are_not_signed_over(world):
    with pytest.raises(PencereError) as refusal:
        signed(world, b"<?show red?><act/>", "B-B")

    assert refusal.value.code == "format.unsupported"
