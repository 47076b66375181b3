"""Documents over the years, and the service over HTTP: JSON, the ETSI report, a page."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.generated.etsi import ts_11910202
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from tests.documents.conftest import seal
from xsdata.formats.dataclass.parsers import XmlParser

from pencere.documents.texts import texts
from pencere.documents.validation import certificate as certificates
from pencere.documents.validation.fetching import Fetcher
from pencere.documents.validation.judging import judge
from pencere.documents.validation.material import Material
from pencere.documents.validation.report import Report
from pencere.documents.validation.request import Request
from pencere.documents.validation.server import Allowance, ValidationService
from pencere.documents.validation.trust_store import TrustStore
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError
from pencere.kernel.text import LANGUAGES
from pencere.trust.store import Reason
from pencere.trust.trusted_list_publishing import Publisher
from pencere.trust.trusted_list_scheme import Scheme

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def now():
    return SystemClock().now()


@pytest.fixture(scope="module")
def revoked_later(trust_centre, plain):
    """An archived document whose seal is revoked after it was made, and what is known of that."""
    own = replace(trust_centre, service=trust_centre.seal_of("sonra"))
    document = seal(own, plain, level="B-LTA")
    leaf, issuer = own.service.certificates()[:2]
    time.sleep(1.1)  # a revocation holds whole seconds, and must be after the last time-stamp
    trust_centre.centre.issuance.revoke(leaf, Reason.KEY_COMPROMISE)
    known = Fetcher(10).fetch(certificates.of(leaf), certificates.of(issuer), now())
    return document, leaf, known


@pytest.fixture(scope="module")
def archived(trust_centre, plain):
    return seal(trust_centre, plain, level="B-LTA")


def found(trust_centre, content, at, **changes):
    root = trust_centre.root.public_bytes(Encoding.DER)
    report = judge(Request(content, (root,), at, **changes))
    return report.indication, report.sub_indication, report.reasons


PASSED = ("TOTAL-PASSED", None, ())


def test_an_archived_document_passes_before_at_and_after_the_end_of_its_certificate(
    trust_centre, archived
):
    ends = trust_centre.service.certificates()[0].not_valid_after_utc

    for at in (now(), ends - SECOND, ends, ends + SECOND, ends + 365 * DAY):
        assert found(trust_centre, archived, at) == PASSED


def test_it_passes_until_its_last_time_stamp_ends_and_not_a_second_longer(trust_centre, archived):
    ends = trust_centre.centre.keystore.certificates("tsa")[0].not_valid_after_utc

    assert found(trust_centre, archived, ends) == PASSED
    assert found(trust_centre, archived, ends + SECOND)[0] == "INDETERMINATE"


def test_a_revocation_after_the_document_was_made_does_not_touch_it(trust_centre, revoked_later):
    document, leaf, known = revoked_later

    assert known != Material()
    for at in (now(), leaf.not_valid_after_utc + 30 * DAY):
        assert found(trust_centre, document, at, extra=known) == PASSED


def test_the_report_for_machines_fits_the_structure_of_the_standard(trust_centre, archived):
    root = trust_centre.root.public_bytes(Encoding.DER)
    report = judge(Request(archived, (root,), now(), wants_xml=True))

    parsed = XmlParser().from_string(report.etsi_xml, ts_11910202.ValidationReport)
    [one] = parsed.signature_validation_report
    kinds = {
        item.object_type.rpartition(":")[2]
        for item in parsed.signature_validation_objects.validation_object
    }
    identifiers = {item.id for item in parsed.signature_validation_objects.validation_object}
    chain = one.signature_validation_status.associated_validation_report_data[0].certificate_chain

    assert one.signature_validation_status.main_indication == (
        "urn:etsi:019102:mainindication:total-passed"
    )
    assert kinds == {"certificate", "OCSPResponse", "timestamp"}
    assert set(chain.signing_certificate.voreference) <= identifiers


def refuse(_request, error):
    return JSONResponse({"error": error.code}, error.status)


class Client:
    """Asks the application without a socket."""

    def __init__(self, app):
        self._app = app

    def post(self, path, **call):
        async def ask():
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(path, timeout=60, **call)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client(trust_centre):
    service = ValidationService(
        TrustStore(trust_centre.centre.pki), SystemClock(), allowance=Allowance(burst=1000)
    )
    app = Starlette(routes=service.routes, exception_handlers={PencereError: refuse})
    yield Client(app)
    service.pool.close()


def test_a_machine_is_answered_in_json_and_reads_it_back(client, sealed):
    answer = client.post("/validate", content=sealed)

    written = answer.json()
    assert (answer.status_code, written["indication"], written["valid"]) == (
        200,
        "TOTAL-PASSED",
        True,
    )
    assert Report.from_json(written).signer.identifier == "NTRAZ-sinaq"
    assert set(written["words"]) == set(LANGUAGES)


def test_the_report_of_the_standard_is_given_to_who_accepts_it(client, sealed):
    answer = client.post("/validate", content=sealed, headers={"accept": "application/xml"})

    assert answer.headers["content-type"].startswith("application/xml")
    assert XmlParser().from_string(answer.text, ts_11910202.ValidationReport)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_is_answered_in_words(client, sealed, language):
    answer = client.post(
        "/validate",
        content=sealed,
        headers={"accept": "text/html", "accept-language": language},
    )

    assert texts("verdicts")["valid"].in_language(language) in answer.text
    assert f'lang="{language}"' in answer.text


def test_a_form_with_what_is_no_document_gets_a_verdict(client):
    answer = client.post("/validate", files={"file": ("a.txt", b"hello")})

    assert answer.json()["reasons"] == ["file.unknown"]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"files": {"other": ("a", b"b")}}, 400),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"a", "params": {"policy": "none"}}, 400),
        ({"content": b"a" * (33 * 1024 * 1024)}, 413),
    ],
)
def test_what_is_no_question_is_refused(client, call, status):
    assert client.post("/validate", **call).status_code == status


def test_who_asks_too_often_is_told_so():
    allowance = Allowance(burst=2, seconds=1)
    for moment in (0.0, 0.0, 1.0):
        allowance.spend("a", moment)
    with pytest.raises(PencereError) as refused:
        allowance.spend("a", 1.0)

    assert (refused.value.code, refused.value.status) == ("request.too_many", 429)
    allowance.spend("b", 1.0)


def test_the_trusted_list_says_what_kind_of_signature_it_is(trust_centre, sealed):
    centre = trust_centre.centre
    scheme = Scheme.load(Path(str(files("pencere.countries") / "az" / "trusted-list.yaml")))
    publisher = Publisher(
        scheme, centre.keystore.signer("trusted-list"), "http://127.0.0.1/tsl.xml", centre.pki
    )
    services = {name: centre.keystore.certificates(name)[0] for name in scheme.kinds}
    with psycopg.connect(centre.issuance.conninfo) as connection:
        publisher.renew(connection, services, at=now())
    store = TrustStore(centre.pki)
    root = trust_centre.root.public_bytes(Encoding.DER)

    report = judge(Request(sealed, (root,), now(), lists=store.lists()))
    alone = judge(
        Request(
            sealed,
            (),
            now(),
            lists=store.lists(),
            list_signers=(
                centre.keystore.certificates("trusted-list")[0].public_bytes(Encoding.DER),
            ),
        )
    )

    quality = report.signatures[0].quality
    assert (report.valid, quality.territory, quality.service_type.rpartition("/")[2]) == (
        True,
        "AZ",
        "QC",
    )
    # The key of a seal is in no qualified device, and nothing is said as if it were.
    assert (quality.is_qualified, quality.is_in_device, quality.word) == (
        True,
        False,
        "qualified_certificate",
    )
    # The list alone is enough to trust: its services are anchors.
    assert alone.valid


def test_a_list_that_is_not_believed_is_warned_of_and_changes_nothing(trust_centre, sealed):
    root = trust_centre.root.public_bytes(Encoding.DER)
    report = judge(Request(sealed, (root,), now(), lists=(b"<a/>",)))

    assert (report.valid, report.warnings) == (True, ("trusted_list.signature",))
