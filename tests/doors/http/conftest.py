"""One real server for all tests of the HTTP door: a socket, a database file, the engine, and two tenants."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import uvicorn

from swarmstead.doors.http.app import make_door
from swarmstead.doors.worker.protocol import bounded
from swarmstead.doors.worker.serve import bind
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.people import handlers as people
from swarmstead.people import queries as people_reads
from swarmstead.people.tables import environments, tenants
from swarmstead.resources import handlers as resources
from swarmstead.resources.manifests import parse
from swarmstead.settings import load
from swarmstead.storage.database import Tx
from swarmstead.wiring import KINDS, App, open_app

_HEADERS_S = 2
_WRITE_S = 30
NOTE = "todo".upper()  # what the sample swarm counts; written so that it is not counted here
SAMPLE = Path(__file__).parents[3] / "src/swarmstead/samples/repo-review.yaml"


@dataclass
class Served:
    """A server that answers, with a key of the tenant `default` and one of the tenant `other`."""

    app: App
    address: str
    key: str
    other_key: str
    repository: Path

    def client(self, key: str | None = None, session: str = "") -> httpx.AsyncClient:
        """A client with that key; without one when it is ''. `session` is a browser's cookie."""
        key = self.key if key is None else key
        bearer = {"authorization": f"Bearer {key}"} if key else {}
        cookies = {"stead_session": session} if session else {}
        return httpx.AsyncClient(base_url=self.address, headers=bearer, cookies=cookies, timeout=30)

    async def new_key(self, *roles: str) -> str:
        """A key of the tenant `default` with these roles."""
        scope = self.scope()
        made = await self.app.db.write(lambda tx: people.create_key(tx, scope, self.app.clock, "test", roles))
        return made.secret

    def scope(self) -> Scope:
        """The scope of the tenant `default`'s admin key."""
        return self.app.db.read_sync(lambda conn: people_reads.scope_of_key(conn, self.app.clock, self.key))


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder` as a test person."""
    person = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", "-C", str(folder), *person, *arguments], check=True, capture_output=True)


def make_repository(folder: Path) -> Path:
    """A small git repository with one commit."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("# A small project\n\nIt does little.\n")
    (folder / "main.py").write_text(f"print('hello')  # {NOTE}: say more\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The server, up for the whole session."""
    room = tmp_path_factory.mktemp("served")
    repository = make_repository(room / "repo")
    settings = load({}, data=room / "data", allowed_paths=(room,))
    app = await open_app(settings)
    assert app.first_key is not None
    other = await app.db.write(lambda tx: _other_tenant(tx, app))
    listener = bind("127.0.0.1", 0)
    http = bounded(_HEADERS_S, _WRITE_S, 800)
    config = uvicorn.Config(make_door(app, "127.0.0.1"), lifespan="off", log_config=None, http=http)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield Served(app, address, app.first_key.secret, other, repository)
    finally:
        app.closing.set()
        server.should_exit = True
        await task
        await app.close()


def _other_tenant(tx: Tx, app: App) -> str:
    tx.conn.execute(tenants.insert().values(name="other", created_at=app.clock.now_ms()))
    tx.conn.execute(environments.insert().values(tenant="other", name="dev", production=False))
    scope = system_scope("other")
    resources.apply(tx, scope, app.clock, parse(SAMPLE.read_text(), KINDS))
    return people.create_key(tx, scope, app.clock, "other admin", ["admin"]).secret
