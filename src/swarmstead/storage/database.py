"""The one door to the database: short reads, and write transactions that commit together.

Theory of operation. A handler is a plain function of a `Tx`; `Database.write` runs it in one transaction off the event
loop. On SQLite a single thread owns all writes: what queued up while the previous commit was on its way to the disk is
run under savepoints and committed by ONE fsync (group commit), so twelve agents pay for one. On Postgres a small pool
runs one transaction each.

Invariants:
- A write either commits whole, including everything it staged, or leaves nothing.
- `after_commit` callbacks run only after the data is on disk, in commit order on SQLite.
- A failing handler never disturbs the ones that share its commit.
- A handler may run twice (a commit that failed for its neighbours, a deadlock on Postgres), so it touches nothing but
  its `Tx`.

Cost: a SQLite write of four statements is about 1.1 ms with synchronous=FULL (`bench/storage.py`); through aiosqlite
the same took 2.7 ms, which is why handlers are synchronous. ADR 0002.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from swarmstead.storage import errors
from swarmstead.storage.engines import is_sqlite

log = logging.getLogger(__name__)
T = TypeVar("T")
Flusher = Callable[["Tx", list[Any]], None]
_GROUP_LIMIT = 64
_POSTGRES_ATTEMPTS = 5


class Tx:
    """A write transaction as handlers see it: a connection, and things to do at its end.

    `stage` collects rows (audit entries, events) that are written together just before the commit, in the order the
    flushers were given at wiring. That order is also the lock order on Postgres, so no two transactions deadlock.
    """

    __slots__ = ("_after", "_flushers", "_staged", "conn")

    def __init__(self, conn: sa.Connection, flushers: Sequence[tuple[str, Flusher]]) -> None:
        self.conn = conn
        self._flushers = flushers
        self._staged: dict[str, list[Any]] = {}
        self._after: list[Callable[[], None]] = []

    def stage(self, name: str, item: object) -> None:
        """Leave `item` for the flusher called `name`."""
        self._staged.setdefault(name, []).append(item)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` once the transaction is durable; it must be quick and must not raise."""
        self._after.append(callback)

    def flush(self) -> list[Callable[[], None]]:
        """Write what was staged and hand back the callbacks. Called by the database only."""
        for name, flusher in self._flushers:
            items = self._staged.pop(name, None)
            if items:
                flusher(self, items)
        if self._staged:
            raise KeyError(f"staged for unknown flushers: {sorted(self._staged)}")
        return self._after


class _Job:
    """One write on its way. `loop` is where its future lives, None for a caller that waits in a thread."""

    __slots__ = ("after", "error", "fn", "future", "loop", "result")

    def __init__(self, fn: Callable[[Tx], Any], loop: asyncio.AbstractEventLoop | None) -> None:
        self.fn = fn
        self.loop = loop
        self.future: Future[Any] | asyncio.Future[Any] = Future() if loop is None else loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None
        self.after: list[Callable[[], None]] = []

    def run(self, tx: Tx) -> None:
        """Do it, as far as the commit. May be called again."""
        self.error, self.after = None, []
        self.result = self.fn(tx)
        self.after = tx.flush()

    def fail(self, error: BaseException) -> None:
        """It was rolled back. The driver's errors are said in our words, but for a broken constraint."""
        fatal = isinstance(error, errors.OF_DRIVERS) and not isinstance(error, IntegrityError)
        self.error, self.after = errors.explain(error) if fatal else error, []

    def settle(self) -> None:
        """Tell the caller, unless it was cancelled."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """Reads and writes for the whole process. Made once, at wiring; closed once, at shutdown.

    The reader's pool holds a connection for each reading thread and one for the thread of scans.
    """

    def __init__(
        self,
        writer: sa.Engine,
        reader: sa.Engine,
        *,
        flushers: Sequence[tuple[str, Flusher]] = (),
        reader_threads: int = 3,
        writer_threads: int = 4,
    ) -> None:
        self.writer = writer
        self.reader = reader
        self._flushers = tuple(flushers)
        self._readers = ThreadPoolExecutor(reader_threads, thread_name_prefix="db-read")
        self._scanner = ThreadPoolExecutor(1, thread_name_prefix="db-scan")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        # SQLite's one writer keeps its connection: to take one from the pool costs as much as several statements.
        # Postgres' take one each time, and the pool finds out when the server has gone and come back.
        self._kept = writer.connect() if is_sqlite(writer) else None
        count = 1 if is_sqlite(writer) else writer_threads
        work = self._serve_grouped if is_sqlite(writer) else self._serve_single
        self._threads = [threading.Thread(target=work, name=f"db-write-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in one transaction and wait until it is durable.

        A caller that is cancelled does not undo the write: it may be committed.
        Fails: whatever `fn` raised, or `storage.errors` when the commit failed; nothing is kept in either case.
        """
        return await cast("asyncio.Future[T]", self._submit(fn, asyncio.get_running_loop()))

    def write_sync(self, fn: Callable[[Tx], T]) -> T:
        """As `write`, for start-up code, the CLI and tests. Never call it on an event loop."""
        return cast("Future[T]", self._submit(fn, None)).result()

    async def read(self, fn: Callable[[sa.Connection], T]) -> T:
        """Run `fn` on one consistent snapshot. It must not write."""
        self._refuse_when_closed()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_sync, fn)

    async def scan(self, fn: Callable[[sa.Connection], T]) -> T:
        """As `read`, for what takes long: scans wait for each other, and no read waits for them."""
        self._refuse_when_closed()
        return await asyncio.get_running_loop().run_in_executor(self._scanner, self.read_sync, fn)

    def read_sync(self, fn: Callable[[sa.Connection], T]) -> T:
        """As `read`, outside an event loop."""
        try:
            with self.reader.begin() as conn:
                return fn(conn)
        except errors.OF_DRIVERS as error:
            raise errors.explain(error) from error

    def close(self) -> None:
        """Finish what is queued, then let go of files and connections."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._readers.shutdown(wait=True)
        self._scanner.shutdown(wait=True)
        if self._kept is not None:
            self._kept.close()
        self.reader.dispose()
        self.writer.dispose()

    def _submit(self, fn: Callable[[Tx], Any], loop: asyncio.AbstractEventLoop | None) -> object:
        job = _Job(fn, loop)
        with self._closing:  # what is queued after the last word to the writers would wait for ever
            self._refuse_when_closed()
            self._jobs.put(job)
        return job.future

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise errors.DatabaseUnavailable("The server is shutting down.", way_out="Try again when it is back.")

    @contextmanager
    def _transaction(self) -> Generator[sa.Connection]:
        if self._kept is None:
            with self.writer.begin() as conn:
                yield conn
        else:
            try:
                with self._kept.begin():
                    yield self._kept
            except BaseException:
                # After a commit that failed, SQLAlchemy leaves this to the pool, and SQLite would still be in there.
                self._kept.connection.rollback()
                raise

    # SQLite: one thread, group commit ----------------------------------------------------------------------------

    def _serve_grouped(self) -> None:
        open_ = True
        while open_ and (first := self._jobs.get()) is not None:
            group = [first]
            while len(group) < _GROUP_LIMIT:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    open_ = False
                    break
                group.append(more)
            if len(group) == 1 or not self._run_group(group):
                for job in group:
                    self._run_single(job)

    def _run_group(self, group: list[_Job]) -> bool:
        """Run the jobs under one commit; False when it failed, and each is to be run again alone."""
        try:
            with self._transaction() as conn:
                for job in group:
                    self._run_in_savepoint(conn, job)
        except DBAPIError as error:
            if not isinstance(errors.explain(error), errors.DatabaseLocked):
                return False
            for job in group:  # one after the other they would wait for the lock once each
                job.fail(error)
        _deliver(group)
        return True

    def _run_in_savepoint(self, conn: sa.Connection, job: _Job) -> None:
        conn.exec_driver_sql("SAVEPOINT job")  # SQLAlchemy's own savepoints take five times as long
        try:
            job.run(Tx(conn, self._flushers))
        except OperationalError:
            raise  # a full disk or a lost lock takes SQLite's whole transaction with it
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises goes to its caller
            conn.exec_driver_sql("ROLLBACK TO job")
            job.fail(error)
        conn.exec_driver_sql("RELEASE job")

    # One transaction each: Postgres, and SQLite when nothing else waits ---------------------------------------------

    def _serve_single(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run_single(job)

    def _run_single(self, job: _Job) -> None:
        for attempt in range(1, _POSTGRES_ATTEMPTS + 1):
            try:
                with self._transaction() as conn:
                    job.run(Tx(conn, self._flushers))
            except BaseException as error:  # noqa: BLE001 - whatever a handler raises goes to its caller
                if attempt < _POSTGRES_ATTEMPTS and _is_serialization_failure(error):
                    continue
                job.fail(error)
            break
        _deliver([job])


def _deliver(jobs: Sequence[_Job]) -> None:
    """Do what was to be done after the commit, then tell the callers, each event loop once for all of its own."""
    of_loop: dict[asyncio.AbstractEventLoop | None, list[_Job]] = {}
    for job in jobs:
        for callback in job.after:
            try:
                callback()
            except Exception:  # the write is on disk, and the writer must live
                log.exception("what was to follow a write has failed")
        of_loop.setdefault(job.loop, []).append(job)
    for loop, done in of_loop.items():
        if loop is None:
            _settle(done)
            continue
        with suppress(RuntimeError):  # the loop that waited is gone
            loop.call_soon_threadsafe(_settle, done)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.settle()


def _is_serialization_failure(error: BaseException) -> bool:
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return code in {"40001", "40P01"}
