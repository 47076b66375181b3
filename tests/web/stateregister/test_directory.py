"""The register is loaded from the country's data, and the directory is made of it."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.urls import reverse

from pencere.countries.country import Country
from pencere.gateway.directory.model import build, fingerprint_of
from pencere.gateway.throwaway import make_key
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Invalid, Misconfigured
from pencere.trust.signers import SoftwareSigner
from pencere.web.stateregister.domain import directory, loading
from pencere.web.stateregister.domain.exchange_data import read_exchange
from pencere.web.stateregister.interfaces import publish
from pencere.web.stateregister.models import Agreement, Publication, Service

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FIRST = int(NOW.timestamp())
pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def signer(clock: FixedClock) -> SoftwareSigner:
    made = make_key("directory", clock)
    return SoftwareSigner(made.key, (made.certificate,))


@pytest.fixture
def nodes(clock: FixedClock) -> list[dict[str, Any]]:
    def der(name: str) -> bytes:
        entry = make_key(name, clock).entry("tls")
        return base64.b64decode(entry["der"])

    return [
        {
            "id": "AZ/GOV/idda/node",
            "address": "127.0.0.1:8181",
            "serves": ["AZ/GOV/idda/portal"],
            "certificates": [der("portal")],
        },
        {
            "id": "AZ/GOV/azintelecom/node",
            "address": "127.0.0.1:8182",
            "serves": ["AZ/GOV/bpqmi/population", "AZ/GOV/dyp/dyp", "AZ/GOV/health/health"],
            "certificates": [der("agencies")],
        },
    ]


def payload(jws: str) -> dict[str, Any]:
    part = jws.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(found, dict)
    return found


def test_a_published_directory_is_one_the_gateway_can_use(
    nodes: list[dict[str, Any]], signer: SoftwareSigner, clock: FixedClock, tmp_path: Path
) -> None:
    file = tmp_path / "directory.jws"

    version = publish(nodes=nodes, signer=signer, file=file, clock=clock)

    found = build(payload(file.read_text()))
    assert (version, found.version) == (FIRST, FIRST)
    assert found.expires_at - found.issued_at == timedelta(hours=24)
    assert found.nodes_serving("AZ/GOV/dyp/dyp") == ("AZ/GOV/azintelecom/node",)
    rights = found.agreements["AZ/GOV/idda/portal", "AZ/GOV/bpqmi/population/person"]
    assert [one.identifier for one in rights] == [
        "portal-person-case", "portal-person-certificate", "portal-person-correct",
        "portal-person-own", "portal-powers-agent", "portal-powers-parent",
    ]  # fmt: skip
    certificate = x509.load_der_x509_certificate(nodes[0]["certificates"][0])
    assert found.node_of_certificate(fingerprint_of(certificate)) is not None


def test_publishing_again_signs_nothing_while_nothing_changed(
    nodes: list[dict[str, Any]], signer: SoftwareSigner, clock: FixedClock, tmp_path: Path
) -> None:
    file = tmp_path / "directory.jws"
    publish(nodes=nodes, signer=signer, file=file, clock=clock)
    first = file.read_text()

    clock.advance(timedelta(hours=11))
    version = publish(nodes=nodes, signer=signer, file=file, clock=clock)

    assert (version, file.read_text() == first) == (FIRST, True)


def test_a_directory_is_signed_anew_in_the_second_half_of_its_life(
    nodes: list[dict[str, Any]], signer: SoftwareSigner, clock: FixedClock, tmp_path: Path
) -> None:
    file = tmp_path / "directory.jws"
    publish(nodes=nodes, signer=signer, file=file, clock=clock)

    clock.advance(timedelta(hours=12, seconds=1))
    version = publish(nodes=nodes, signer=signer, file=file, clock=clock)

    later = FIRST + 12 * 3600 + 1
    assert (version, payload(file.read_text())["version"]) == (later, later)


def test_an_agreement_that_ended_in_the_register_leaves_the_directory_at_once(
    nodes: list[dict[str, Any]], signer: SoftwareSigner, clock: FixedClock, tmp_path: Path
) -> None:
    publish(nodes=nodes, signer=signer, file=tmp_path / "one.jws", clock=clock)
    Agreement.objects.filter(id="portal-body").update(is_active=False)

    publication = directory.publish(instance="AZ", signer=signer, at=clock.now())

    ids = {one["id"] for one in payload(publication.jws)["agreements"]}
    assert (publication.version, "portal-body" in ids) == (FIRST + 1, False)


def test_what_the_data_no_longer_names_is_kept_and_not_in_force() -> None:
    country = Country.load("az")
    loading.load_country(country)
    old = Service.objects.get(code="person")
    gone = Service.objects.create(system=old.system, code="gone", names={"az": "Köhnə"})

    loading.load_country(country)

    gone.refresh_from_db()
    assert gone.is_active is False


def test_a_node_cannot_serve_what_is_not_registered() -> None:
    loading.load_country(Country.load("az"))

    with pytest.raises(Invalid) as refused:
        loading.load_nodes(
            [loading.NodeEntry("AZ/GOV/x/node", "127.0.0.1:1", ("AZ/GOV/x/ghost",), ())], "AZ"
        )

    assert refused.value.facts == {"node": "AZ/GOV/x/node", "system": "AZ/GOV/x/ghost"}


def test_a_publication_is_never_changed(
    nodes: list[dict[str, Any]], signer: SoftwareSigner, clock: FixedClock, tmp_path: Path
) -> None:
    publish(nodes=nodes, signer=signer, file=tmp_path / "one.jws", clock=clock)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Publication.objects.update(jws="forged")


def test_an_unknown_purpose_in_the_data_names_file_key_and_example(tmp_path: Path) -> None:
    country = Country.load("az")
    for file in country.folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "exchange.yaml").read_text()
    (tmp_path / "exchange.yaml").write_text(text.replace("[sign-in-profile, my-data]", "[spying]"))

    with pytest.raises(Misconfigured) as refused:
        read_exchange(Country.load_folder(tmp_path))

    assert refused.value.facts["key"] == "agreements.portal-person-own.purposes"
    assert refused.value.facts["value"] == ["spying"]


def test_the_office_hands_out_the_newest_directory(
    nodes: list[dict[str, Any]],
    signer: SoftwareSigner,
    clock: FixedClock,
    tmp_path: Path,
    client: Any,
) -> None:
    file = tmp_path / "directory.jws"
    publish(nodes=nodes, signer=signer, file=file, clock=clock)

    with override_settings(ROOT_URLCONF="pencere.web.urls.office"):
        answer = client.get(reverse("directory_file"))

    assert (answer.status_code, answer.content.decode()) == (200, file.read_text())
