"""Evidence containers of real exchanges, verified with nothing but the country's root."""

import io
import zipfile
from datetime import timedelta

import pytest
from tests.documents.conftest import trust_centre  # noqa: F401 - a fixture
from tests.gateway.court import Court

from pencere.documents.examine import examine
from pencere.kernel.clock import SystemClock


@pytest.fixture
def court(tmp_path, loop, upstream, make_database, trust_centre):  # noqa: F811
    made = (make_database("gateway_portal"), make_database("gateway_agencies"))
    found = Court(tmp_path, loop, upstream, made, trust_centre)
    found.start()
    found.order()
    yield found
    upstream.released.set()
    found.close()


def entries(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_container_of_an_exchange_is_valid_for_a_court(court):
    number = court.exchanged()
    answer = court.evidence(number)
    assert answer.status == 200, answer.body
    report = examine(answer.body, [court.centre.root], SystemClock().now())
    assert (report.reasons, report.verdict.value) == ((), "valid")
    later = examine(answer.body, [court.centre.root], SystemClock().now() + timedelta(days=365 * 9))
    assert (later.reasons, later.verdict.value) == ((), "valid")
