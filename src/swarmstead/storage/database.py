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
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from swarmstead.storage import errors
from swarmstead.storage.engines import is_sqlite

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


class _Job(Generic[T]):
    __slots__ = ("after", "fn", "future", "result")

    def __init__(self, fn: Callable[[Tx], T]) -> None:
        self.fn = fn
        self.future: Future[T] = Future()
        self.result: T | None = None
        self.after: list[Callable[[], None]] = []


class Database:
    """Reads and writes for the whole process. Made once, at wiring; closed once, at shutdown."""

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
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._closed = False
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
        return await asyncio.wrap_future(self._submit(fn))

    def write_sync(self, fn: Callable[[Tx], T]) -> T:
        """As `write`, for start-up code, the CLI and tests. Never call it on an event loop."""
        return self._submit(fn).result()

    async def read(self, fn: Callable[[sa.Connection], T]) -> T:
        """Run `fn` on one consistent snapshot. It must not write."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_sync, fn)

    def read_sync(self, fn: Callable[[sa.Connection], T]) -> T:
        """As `read`, outside an event loop."""
        try:
            with self.reader.begin() as conn:
                return fn(conn)
        except DBAPIError as error:
            raise errors.explain(error) from error

    def close(self) -> None:
        """Finish what is queued, then let go of files and connections."""
        if self._closed:
            return
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._readers.shutdown(wait=True)
        self.reader.dispose()
        self.writer.dispose()

    def _submit(self, fn: Callable[[Tx], T]) -> Future[T]:
        if self._closed:
            raise errors.DatabaseUnavailable("The server is shutting down.", way_out="Try again when it is back.")
        job = _Job(fn)
        self._jobs.put(job)
        return job.future

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
            if len(group) > 1:
                group = self._run_group(group)
            for job in group:
                self._run_single(job)

    def _run_group(self, group: list[_Job[Any]]) -> list[_Job[Any]]:
        """Run the jobs under one commit. Returns those that must be run again alone, because the commit failed."""
        done: list[_Job[Any]] = []
        try:
            with self.writer.begin() as conn:
                done.extend(job for job in group if self._run_in_savepoint(conn, job))
        except DBAPIError:
            return [job for job in group if not job.future.done()]
        for job in done:
            _finish(job)
        return []

    def _run_in_savepoint(self, conn: sa.Connection, job: _Job[Any]) -> bool:
        savepoint = conn.begin_nested()
        tx = Tx(conn, self._flushers)
        try:
            job.result = job.fn(tx)
            job.after = tx.flush()
            savepoint.commit()
        except OperationalError:
            raise  # a full disk or a lost lock takes SQLite's whole transaction with it
        except Exception as error:  # noqa: BLE001 - whatever a handler raises goes to its caller
            savepoint.rollback()
            job.future.set_exception(error)
            return False
        return True

    # One transaction each: Postgres, and SQLite when nothing else waits ---------------------------------------------

    def _serve_single(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run_single(job)

    def _run_single(self, job: _Job[Any]) -> None:
        for attempt in range(1, _POSTGRES_ATTEMPTS + 1):
            try:
                with self.writer.begin() as conn:
                    tx = Tx(conn, self._flushers)
                    job.result = job.fn(tx)
                    job.after = tx.flush()
            except Exception as error:  # noqa: BLE001 - whatever a handler raises goes to its caller
                if attempt < _POSTGRES_ATTEMPTS and _is_serialization_failure(error):
                    continue
                fatal = isinstance(error, DBAPIError) and not isinstance(error, IntegrityError)
                job.future.set_exception(errors.explain(error) if fatal else error)
                return
            _finish(job)
            return


def _finish(job: _Job[Any]) -> None:
    for callback in job.after:
        callback()
    job.future.set_result(job.result)


def _is_serialization_failure(error: Exception) -> bool:
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return code in {"40001", "40P01"}
