"""A server of its own, started by `stead up`, and clients of it."""

import sqlite3
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.doors.cli.helpers import Server, make_repository, up
from tests.rooms.people.certs import Made


@dataclass(frozen=True)
class House:
    """A running server. `trust` is the CA of its certificate, where it has one."""

    server: Server
    room: Path
    trust: Path | None

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.server.address

    def client(self, credential: str = "", made: Made | None = None) -> httpx.Client:
        """A client with that bearer credential and that client certificate; without them by default."""
        context = ssl.create_default_context(cafile=self.trust) if self.trust else ssl.create_default_context()
        if made is not None:
            context.load_cert_chain(made.written(self.room / f"{made.fingerprint}.pem"))
        bearer = {"authorization": f"Bearer {credential}"} if credential else {}
        return httpx.Client(base_url=self.address, verify=context, headers=bearer, timeout=30)

    def session(
        self, credential: str = "", made: Made | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Who the server takes this for."""
        with self.client(credential, made) as client:
            return client.get("/api/v1/session", headers=headers)

    def with_tenant(self, name: str) -> None:
        """Make one more tenant, as an operator does for now: in the database."""
        connection = sqlite3.connect(self.room / "data" / "stead.db", timeout=30)
        with connection:
            connection.execute("INSERT INTO tenants (name, created_at) VALUES (?, 1)", [name])
        connection.close()


@contextmanager
def house(room: Path, *options: str | Path, trust: Path | None = None) -> Generator[House]:
    """`stead up` with these options, on a database in `room`; ended at the end."""
    if not (room / "repo").exists():
        make_repository(room / "repo")
    with up(room, room / "data", "--allow", str(room), *map(str, options)) as server:
        yield House(server, room, trust)
