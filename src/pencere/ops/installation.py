"""One installation: its files, the addresses of its roles, the URLs of its databases.

The only place that knows these names; docs/reference/interfaces.md lists them.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from pencere.kernel.errors import Misconfigured

DATABASES = ("trust", "gateway_portal", "gateway_agencies", "registers", "web")

# Distance of a role's port from the base port.
PORTS: Mapping[str, int] = {
    "portal": 0,
    "office": 1,
    "phones": 2,
    "bank": 3,
    "sima": 4,
    "post": 5,
    "post-smtp": 6,
    "gateway-portal": 81,
    "gateway-agencies": 82,
    "trust": 90,
    "trust-tls": 91,
    "http-01": 92,  # of machines that ask for certificates; 80 outside of one machine
    "registers": 100,
    "gateway-portal-link": 181,
    "gateway-agencies-link": 182,
    # Information systems that speak TLS to their node.
    "gateway-portal-tls": 183,
    "gateway-agencies-tls": 184,
}

DEFAULT_DATA = "var"
DEFAULT_BASE_PORT = 8000
HIGHEST_BASE_PORT = 65535 - max(PORTS.values())

# sun_path holds 107 bytes and a NUL; PostgreSQL adds "/.s.PGSQL.5432" (and ".lock" beside it).
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")

_NAME = re.compile(r"[a-z][a-z0-9_-]*(/[a-z][a-z0-9_-]*)*")


@dataclass(frozen=True)
class Installation:
    """Names of one installation. Folders are made when something is first put into them."""

    data: Path
    base_port: int = DEFAULT_BASE_PORT
    external_database_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Installation":
        """Read PENCERE_DATA, PENCERE_BASE_PORT and PENCERE_DATABASE_URL.

        Raises:
            Misconfigured: a value cannot be meant; the message shows a valid one.
        """
        given = os.environ if environment is None else environment
        return cls(
            data=Path(given.get("PENCERE_DATA") or DEFAULT_DATA).expanduser().absolute(),
            base_port=_base_port(given.get("PENCERE_BASE_PORT") or str(DEFAULT_BASE_PORT)),
            external_database_url=_database_url(given.get("PENCERE_DATABASE_URL") or None),
        )

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes this installation again."""
        named = {"PENCERE_DATA": str(self.data), "PENCERE_BASE_PORT": str(self.base_port)}
        if self.external_database_url is not None:
            named["PENCERE_DATABASE_URL"] = self.external_database_url
        return named

    # Addresses

    def port(self, role: str) -> int:
        """Return the TCP port of `role`; node-to-node links are `<gateway role>-link`."""
        return self.base_port + PORTS[role]

    def address(self, role: str) -> str:
        """Return `http://127.0.0.1:PORT` of `role`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port(role)}"

    # Files

    @property
    def pg(self) -> Path:
        """Embedded PostgreSQL: `cluster` and, where the path is short enough, `socket`."""
        return self.data / "pg"

    @property
    def run(self) -> Path:
        """What the running processes tell one another: state, directory, node files."""
        return self._folder("run")

    @property
    def log(self) -> Path:
        """One `<role>.log` for each process."""
        return self._folder("log")

    @property
    def secrets(self) -> Path:
        """Shared secrets and database passwords; readable by the owner only."""
        return self._folder("secrets", mode=0o700)

    @property
    def pki(self) -> Path:
        """Public certificates."""
        return self._folder("pki")

    @property
    def trust(self) -> Path:
        """Keystore of the certification centre."""
        return self._folder("trust", mode=0o700)

    @property
    def root(self) -> Path:
        """Keystore of the root, which no running service opens; kept elsewhere in earnest."""
        return self._folder("root", mode=0o700)

    @property
    def approvers(self) -> Path:
        """Keys of the invented approvers of the demonstration."""
        return self._folder("approvers", mode=0o700)

    @property
    def identity(self) -> str:
        """Name of this installation in what people approve; not a secret."""
        return sha256(self.secret("installation").encode()).hexdigest()[:32]

    @property
    def keys(self) -> Path:
        """Keys that a role holds alone, a folder each: of gateway nodes, of ledgers."""
        return self._folder("keys", mode=0o700)

    @property
    def phones(self) -> Path:
        """Memory of the simulated phones."""
        return self._folder("phones", mode=0o700)

    @property
    def sima(self) -> Path:
        """Memory of the simulated SİMA applications."""
        return self._folder("sima", mode=0o700)

    @property
    def cards(self) -> Path:
        """Cards of the demo persons, as PKCS#12 files."""
        return self._folder("cards", mode=0o700)

    @property
    def bank(self) -> Path:
        """Books of the simulated payment provider."""
        return self._folder("bank", mode=0o700)

    @property
    def post(self) -> Path:
        """Letters of the simulated post office."""
        return self._folder("post", mode=0o700)

    @property
    def files(self) -> Path:
        """Uploads and issued documents."""
        return self._folder("files", mode=0o700)

    def _folder(self, name: str, mode: int = 0o755) -> Path:
        folder = self.data / name
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        return folder

    # Secrets

    def secret(self, name: str) -> str:
        """Return the secret `name` (32 random bytes as URL-safe text), made at first use.

        Processes that ask at the same time get the same one. `name` may hold `/`.
        """
        if not _NAME.fullmatch(name):
            raise Misconfigured(
                file="pencere.ops.installation", key="secret", value=name, example="db/web_app"
            )
        path = self.secrets / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_once(path, secrets.token_urlsafe(32))
        return path.read_text(encoding="ascii").strip()

    def relying_party(self, role: str) -> UUID:
        """Return the id under which `role` asks phones to sign.

        It is proved by `secret("mobile/<role>")`, and is the same in every installation,
        as the agreement with a real provider would name it.
        """
        return uuid5(NAMESPACE_URL, f"https://pencere.az/relying-party/{role}")

    # Databases

    @property
    def socket_folder(self) -> Path:
        """Folder of the embedded server's Unix socket."""
        preferred = self.pg / "socket"
        if len(os.fsencode(preferred)) <= _LONGEST_SOCKET_FOLDER:
            return preferred
        return short_socket_folder(self.pg)

    def database_url(self, database: str, user: Literal["app", "owner"] = "app") -> str:
        """Return a URL for libpq and asyncpg alike, with the password in it."""
        name = f"{database}_{user}"
        return self._url(database, name, self.secret(f"db/{name}"))

    def superuser_url(self, database: str = "postgres") -> str:
        """Return the URL by which databases and users are made."""
        if self.external_database_url is not None:
            return urlunsplit(urlsplit(self.external_database_url)._replace(path=f"/{database}"))
        return self._url(database, "postgres", self.secret("db/postgres"))

    def _url(self, database: str, user: str, password: str) -> str:
        if self.external_database_url is None:
            folder = quote(str(self.socket_folder), safe="/")
            return f"postgresql://{user}:{password}@/{database}?host={folder}&port=5432"
        external = urlsplit(self.external_database_url)
        hosts = external.netloc.rpartition("@")[2]
        return urlunsplit(
            external._replace(netloc=f"{user}:{password}@{hosts}", path=f"/{database}")
        )


def short_socket_folder(pg: Path) -> Path:
    """Return a folder for the socket when `pg` is too deep for a Unix socket's path.

    Made of the path alone, so that every process finds the same one.
    """
    return Path("/tmp") / f"pencere-{sha256(os.fsencode(pg)).hexdigest()[:16]}"  # noqa: S108


def _base_port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1024 <= int(text) <= HIGHEST_BASE_PORT:
        return int(text)
    raise Misconfigured(
        file="environment",
        key="PENCERE_BASE_PORT",
        value=text,
        example=f"{DEFAULT_BASE_PORT} (from 1024 to {HIGHEST_BASE_PORT})",
    )


def _database_url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme in {"postgresql", "postgres"} and "@" in parts.netloc:
        return text
    raise Misconfigured(
        file="environment",
        key="PENCERE_DATABASE_URL",
        value=f"{parts.scheme}://...",  # never the password
        example="postgresql://postgres:password@db1:5432,db2:5432/postgres",
    )


def _write_once(path: Path, text: str) -> None:
    """Put `text` into `path`, whole and private; whoever comes second leaves the first one's."""
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
    finally:
        mine.unlink()
