"""Names of an installation."""

import stat
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pencere.kernel.errors import Misconfigured
from pencere.ops.installation import Installation


def test_the_environment_and_an_installation_give_one_another(tmp_path: Path) -> None:
    given = {
        "PENCERE_DATA": str(tmp_path),
        "PENCERE_BASE_PORT": "9000",
        "PENCERE_DATABASE_URL": "postgresql://boss:pw@db1,db2/postgres?target_session_attrs=primary",
    }

    assert Installation.from_environment(given).environment() == given


def test_nothing_said_means_var_and_port_8000() -> None:
    installation = Installation.from_environment({})

    assert installation == Installation(Path("var").absolute(), 8000, None)
    assert installation.address("trust") == "http://127.0.0.1:8090"


def test_an_external_server_keeps_its_hosts_and_options(tmp_path: Path) -> None:
    installation = Installation(
        tmp_path, 8000, "postgresql://boss:pw@db1:5432,db2:5432/postgres?sslmode=verify-full"
    )
    password = installation.secret("db/web_app")

    assert installation.superuser_url("web") == (
        "postgresql://boss:pw@db1:5432,db2:5432/web?sslmode=verify-full"
    )
    assert installation.database_url("web") == (
        f"postgresql://web_app:{password}@db1:5432,db2:5432/web?sslmode=verify-full"
    )


def test_the_embedded_server_is_reached_by_its_socket(tmp_path: Path) -> None:
    url = urlsplit(Installation(tmp_path).database_url("trust", "owner"))

    assert (url.username, url.path, url.hostname) == ("trust_owner", "/trust", None)
    assert url.query == f"host={tmp_path}/pg/socket&port=5432"


def test_a_secret_is_made_once_private_and_the_same_for_all_who_ask(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    found: list[str] = []
    asking = [
        threading.Thread(target=lambda: found.append(installation.secret("seal/dyp")))
        for _ in range(8)
    ]

    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) == 43
    assert stat.S_IMODE((tmp_path / "secrets" / "seal" / "dyp").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "secrets" / "seal").iterdir()) == ["dyp"]


@pytest.mark.parametrize("name", ["../web", "/etc/passwd", "", "Web", "a//b"])
def test_a_secret_with_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured):
        Installation(tmp_path).secret(name)
