"""The listener running, a machine's web server beside it, and clients with accounts."""

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import josepy
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.servers import serving
from tests.trust.acme.client import Client, open_client, registration
from tests.trust.acme.listener import Listener, Machine, listening
from tests.trust.conftest import centre_at

from pencere.kernel.clock import SystemClock
from pencere.ops.databases import make_database as create_database
from pencere.trust.ceremony import Centre


@pytest.fixture(scope="session")
def machine_centre(
    postgres: object, _templates: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Centre, str, Path]:
    """A centre of now: TLS clients look at the real clock."""
    folder, name = tmp_path_factory.mktemp("machines"), f"trust_machines_{os.getpid()}"
    installation = postgres.installation
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        create_database(server, name, owner="trust_owner", template=_templates("trust"))
    url = installation.database_url("trust", "app").replace("/trust?", f"/{name}?")
    centre = centre_at(url, folder, SystemClock())
    centre.found()
    return centre, url, folder


@pytest.fixture(scope="session")
def listener(machine_centre: tuple[Centre, str, Path]) -> Iterator[Listener]:
    with listening(*machine_centre) as running:
        yield running


@pytest.fixture
def machine(listener: Listener) -> Iterator[Machine]:
    made = Machine()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.hosts.append(self.headers["Host"])
            if made.answer is not None:
                made.answer(self)
                return
            content = made.files.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    with serving(Handler, port=listener.challenge_port):
        yield made


@pytest.fixture(scope="module")
def make_client(listener: Listener) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(key: josepy.JWK | None = None, **changes: object) -> Client:
        key = key or josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        binding, mac = listener.bind(**changes)
        acme = open_client(listener, key)
        made.append(Client(listener, key, acme.net, acme, binding, mac))
        acme.new_account(registration(acme, key, binding, mac))
        return made[-1]

    yield make
    for one in made:
        one.net.session.close()


@pytest.fixture
def system(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture(scope="module")
def resident(make_client: Callable[..., Client]) -> Client:
    """A client whose account no test changes."""
    return make_client()
