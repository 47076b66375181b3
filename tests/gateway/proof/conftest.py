"""A court: two certified nodes, time-stamps, a ledger."""

import pytest
from tests.documents.conftest import trust_centre  # noqa: F401 - a fixture
from tests.gateway.court import Court


@pytest.fixture
def court(tmp_path, loop, upstream, make_database, trust_centre):  # noqa: F811
    made = (make_database("gateway_portal"), make_database("gateway_agencies"))
    found = Court(tmp_path, loop, upstream, made, trust_centre)
    found.start()
    found.order()
    yield found
    upstream.released.set()
    found.close()
