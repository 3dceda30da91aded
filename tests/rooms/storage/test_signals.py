"""Who waits is woken by what is committed, never by what is not, and no wake is lost."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

import psycopg
import pytest
import sqlalchemy as sa

from swarmstead.kernel.errors import Conflict
from swarmstead.storage import listener
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.signals import EVERYTHING, Signals, wake
from tests.databases import Postgres
from tests.rooms.storage.helpers import insert, names

_LONG_S = 30


def writing(name: str, topic: str) -> Callable[[Tx], str]:
    def handler(tx: Tx) -> str:
        wake(tx, topic)
        return insert(name)(tx)

    return handler


def reader(database: Database, name: str) -> Callable[[], Awaitable[str | None]]:
    """Answers `name` once there is a row of that name."""

    async def ready() -> str | None:
        return name if name in await asyncio.to_thread(names, database) else None

    return ready


async def test_a_waiter_goes_on_when_what_it_waits_for_is_committed(database: Database, signals: Signals) -> None:
    waiting = [asyncio.ensure_future(signals.until("a", reader(database, "a"))) for _ in range(3)]
    await database.write(writing("other", "b"))
    await database.write(writing("a", "a"))
    assert await asyncio.wait_for(asyncio.gather(*waiting), _LONG_S) == ["a"] * 3


async def test_whoever_cannot_hear_others_keeps_nothing_for_long(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant that another worker took back would stay in this one's memory for ever."""
    monkeypatch.setattr(listener, "_RECONNECT_S", 0.0)
    heard: asyncio.Queue[str] = asyncio.Queue()
    signals.watch(heard.put_nowait)
    listening = asyncio.create_task(listener.listen("postgresql://nobody@127.0.0.1:1/none", signals))
    try:
        async with asyncio.timeout(_LONG_S):
            assert [await heard.get() for _ in range(3)] == [EVERYTHING] * 3
    finally:
        listening.cancel()


async def test_a_wake_comes_after_the_commit(database: Database, signals: Signals) -> None:
    seen: list[tuple[str, list[str]]] = []
    signals.watch(lambda topic: seen.append((topic, names(database))))

    def handler(tx: Tx) -> None:
        wake(tx, "b")
        wake(tx, "a")
        wake(tx, "a")
        assert seen == []
        insert("a")(tx)

    await database.write(handler)
    assert seen == [("a", ["a"]), ("b", ["a"])]


async def test_what_is_rolled_back_wakes_nobody(database: Database, signals: Signals) -> None:
    seen: list[str] = []
    signals.watch(seen.append)

    def handler(tx: Tx) -> None:
        writing("a", "a")(tx)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(handler)
    await database.write(writing("b", "b"))
    assert seen == ["b"]


async def test_a_change_between_looking_and_waiting_is_not_missed(database: Database, signals: Signals) -> None:
    looks: list[int] = []

    async def ready() -> str | None:
        looks.append(1)
        found = await reader(database, "a")()
        if len(looks) == 1:
            await database.write(writing("a", "a"))  # it happens after we looked and before we wait
        return found

    assert await asyncio.wait_for(signals.until("a", ready), _LONG_S) == "a"
    assert len(looks) == 2


async def test_a_waiter_that_gives_up_or_fails_leaves_nothing_behind(signals: Signals) -> None:
    async def never() -> str | None:
        looked.set()
        return None

    async def broken() -> str | None:
        raise Conflict("no")

    looked = asyncio.Event()
    waiting = asyncio.ensure_future(signals.until("a", never))
    await asyncio.wait_for(looked.wait(), _LONG_S)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(Conflict):
        await signals.until("b", broken)
    assert signals._waiters == {}  # pyright: ignore[reportPrivateUsage]


def test_a_waiter_whose_loop_is_gone_disturbs_nobody(sqlite_database: Database, signals: Signals) -> None:
    async def never() -> str | None:
        looked.set()
        return None

    loop = asyncio.new_event_loop()
    looked = asyncio.Event()
    waiting = loop.create_task(signals.until("a", never))
    loop.run_until_complete(looked.wait())
    loop.close()
    assert sqlite_database.write_sync(writing("a", "a")) == "a"
    waiting.get_coro().close()  # type: ignore[union-attr]


async def test_watchers_hear_every_topic_until_they_stop(database: Database, signals: Signals) -> None:
    first: list[str] = []
    second: list[str] = []

    def once(topic: str) -> None:
        first.append(topic)
        stop()

    stop = signals.watch(once)
    signals.watch(second.append)
    await database.write(writing("a", "a"))
    await database.write(writing("b", "b"))
    assert first == ["a"]
    assert second == ["a", "b"]  # a watcher that leaves while it is told does not make the next one miss it


async def test_a_watcher_that_fails_harms_neither_the_next_one_nor_the_writer(
    database: Database, signals: Signals, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    signals.watch(lambda _topic: 1 // 0)  # pyright: ignore[reportArgumentType]
    signals.watch(seen.append)
    assert await asyncio.wait_for(database.write(writing("a", "a")), _LONG_S) == "a"
    assert seen == ["a"]
    assert "ZeroDivisionError" in caplog.text


async def test_everybody_is_woken_when_something_may_have_been_missed(signals: Signals) -> None:
    """Waiters look again; watchers, who keep things in memory, are told that they know nothing any more."""
    looks: list[str] = []
    seen: list[str] = []
    both_wait = asyncio.Event()

    def ready(name: str) -> Callable[[], Awaitable[str | None]]:
        async def look() -> str | None:
            looks.append(name)
            if len(looks) == 2:
                both_wait.set()
            return name if looks.count(name) == 2 else None

        return look

    signals.watch(seen.append)
    waiting = [asyncio.ensure_future(signals.until(name, ready(name))) for name in "ab"]
    await asyncio.wait_for(both_wait.wait(), _LONG_S)
    signals.notify_all()
    assert await asyncio.wait_for(asyncio.gather(*waiting), _LONG_S) == ["a", "b"]
    assert seen == [EVERYTHING]


# Several processes on Postgres ---------------------------------------------------------------------------------------

_WORKER = """
import sys
from pathlib import Path
from swarmstead.settings import load
from swarmstead.kernel.clock import SystemClock
from swarmstead.storage.signals import Signals, wake
from swarmstead.wiring import open_database
import sqlalchemy as sa

database = open_database(load({}, database_url=sys.argv[1]), SystemClock(), Signals())
for line in sys.stdin:
    name, ok = line.split()
    def handler(tx):
        tx.conn.execute(sa.text("INSERT INTO tenants (name, created_at) VALUES (:name, 1)"), {"name": name})
        wake(tx, name)
        if ok == "no":
            raise ValueError(name)
    try:
        database.write_sync(handler)
    except ValueError:
        pass
database.close()
"""


@pytest.fixture
def other_worker(postgres_url: str) -> Generator[subprocess.Popen[str]]:
    """Another process on the same database; a line `NAME yes` has it commit a row, `NAME no` has it roll one back."""
    with subprocess.Popen([sys.executable, "-c", _WORKER, postgres_url], stdin=subprocess.PIPE, text=True) as worker:
        yield worker


def tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin
    worker.stdin.write(line + "\n")
    worker.stdin.flush()


@pytest.fixture
async def heard(
    postgres_url: str, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator["asyncio.Queue[str]"]:
    """What this process hears; `EVERYTHING` first, when it has begun to listen."""
    monkeypatch.setattr(listener, "_RECONNECT_S", 0.01)
    topics: asyncio.Queue[str] = asyncio.Queue()
    signals.watch(topics.put_nowait)
    listening = asyncio.ensure_future(listener.listen(postgres_url, signals))
    assert await asyncio.wait_for(topics.get(), _LONG_S) == EVERYTHING
    yield topics
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening


async def test_a_commit_in_another_process_wakes_this_one(
    postgres_database: Database, signals: Signals, heard: "asyncio.Queue[str]", other_worker: subprocess.Popen[str]
) -> None:
    waiting = asyncio.ensure_future(signals.until("a", reader(postgres_database, "a")))
    tell(other_worker, "undone no")
    tell(other_worker, "a yes")
    assert await asyncio.wait_for(waiting, _LONG_S) == "a"
    assert await asyncio.wait_for(heard.get(), _LONG_S) == "a"


async def test_a_connection_that_has_gone_silent_is_given_up(
    postgres_url: str, postgres_database: Database, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets vanish and the connection stays open: only an answer that does not come tells."""
    for name in ("_RECONNECT_S", "_QUIET_S"):
        monkeypatch.setattr(listener, name, 0.01)
    topics: asyncio.Queue[str] = asyncio.Queue()
    signals.watch(topics.put_nowait)
    async with silenced(postgres_url) as (url, fall_silent):
        monkeypatch.setattr(listener, "_ANSWER_S", 5.0)
        listening = asyncio.ensure_future(listener.listen(url, signals))
        assert await asyncio.wait_for(topics.get(), _LONG_S) == EVERYTHING
        monkeypatch.setattr(listener, "_ANSWER_S", 0.1)
        fall_silent()
        assert await asyncio.wait_for(topics.get(), _LONG_S) == EVERYTHING  # connected anew
        await postgres_database.write(writing("a", "a"))
        assert await asyncio.wait_for(topics.get(), _LONG_S) == "a"
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


@contextlib.asynccontextmanager
async def silenced(postgres_url: str) -> AsyncGenerator[tuple[str, Callable[[], None]]]:
    """A way to the database whose present connections lose all bytes once the function is called; new ones do not."""
    url = sa.make_url(postgres_url)
    host, port = url.host or str(url.query.get("host", "localhost")), url.port or 5432
    open_: list[asyncio.StreamWriter] = []
    lost: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if writer not in lost:
                    writer.write(data)
                    await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.startswith("/"):
            back, forth = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            back, forth = await asyncio.open_connection(host, port)
        open_.extend((writer, forth))
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here = url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1], query={"sslmode": "disable"})
    try:
        yield here.render_as_string(hide_password=False), lambda: lost.update(open_)
    finally:
        server.close()
        for writer in open_:
            writer.close()


async def test_after_a_lost_connection_everybody_looks_again_and_hears_on(
    postgres: Postgres,
    postgres_database: Database,
    heard: "asyncio.Queue[str]",
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN stead' AND datname = %s"
    name = postgres_database.writer.url.database
    with psycopg.connect(postgres.uri) as admin:
        assert admin.execute(listeners, [name]).fetchall() == [(True,)]
    assert await asyncio.wait_for(heard.get(), _LONG_S) == EVERYTHING
    assert "was lost" in caplog.text
    await postgres_database.write(writing("a", "a"))
    assert await asyncio.wait_for(heard.get(), _LONG_S) == "a"
