"""An installation's gateway for tests of its commands."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from tests.documents.conftest import trust_centre  # noqa: F401 - a fixture
from tests.gateway.conftest import Upstream, _handler


@pytest.fixture(scope="module")
def world(postgres, trust_centre, tmp_path_factory) -> Iterator[object]:  # noqa: F811
    from tests.cli.gateway_world import World

    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: None)
    found = Upstream(server.server_port)
    server.RequestHandlerClass = _handler(found)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    made = World(tmp_path_factory.mktemp("world"), postgres, trust_centre, found)
    try:
        made.start()
        yield made
    finally:
        made.close()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def bucket() -> Iterator[object]:
    from tests.cli.bucket import Bucket

    made = Bucket()
    yield made
    made.close()
