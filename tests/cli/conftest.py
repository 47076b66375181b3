"""An installation's gateway for tests of its commands."""

from collections.abc import Iterator

import pytest
from tests.documents.conftest import trust_centre  # noqa: F401 - a fixture
from tests.gateway.conftest import Upstream, _handler
from tests.servers import serving


@pytest.fixture(scope="module")
def world(postgres, trust_centre, tmp_path_factory) -> Iterator[object]:  # noqa: F811
    from tests.cli.gateway_world import World

    found = Upstream(0)
    with serving(_handler(found)) as found.port:
        made = World(tmp_path_factory.mktemp("world"), postgres, trust_centre, found)
        try:
            made.start()
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def bucket() -> Iterator[object]:
    from tests.cli.bucket import Bucket

    made = Bucket()
    yield made
    made.close()
