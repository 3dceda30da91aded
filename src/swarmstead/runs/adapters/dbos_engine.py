"""The durable engine on DBOS: agent loops as workflows that survive their process.

What DBOS carries: that a loop was started, once per id; that it is started again after a crash; who carries it; which
version of the loop it is. What it does not carry: the loop's steps, which are rows of our own journal, written together
with their events, spend and audit (ADR 0001). So a workflow here has one argument, an id, and no DBOS steps.

One process and SQLite: a loop starts in this process at once. Postgres: it goes through the queue `agents`, from which
every worker takes; each worker holds a lease, and the loops of one whose lease has run out are taken over.

Invariants:
- A loop that is cut (shutdown, lost lease) leaves its workflow pending, never ended; somebody takes it up again.
- In one process an agent run has one carrier: a newer one cuts the older.
- A worker whose lease may be thought of as run out carries nothing until it has renewed it.
- A worker that rests takes nothing from the queue; what it lets go in a drain is queued again, for the others.
- DBOS is asked nothing from within a workflow: it writes such an answer down as a step, and gives the same one to
  whoever goes on after a crash (`_outside`).
"""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy.exc import DBAPIError

from swarmstead.runs.adapters.intake import close_while
from swarmstead.runs.adapters.leases import RENEW_EVERY_S, Leases
from swarmstead.storage.engines import is_sqlite
from swarmstead.storage.errors import explain

# Raise it when the loop's keys change so that an older journal cannot be carried on; see docs/runbooks/upgrade.md.
LOOP_VERSION = "1"
_QUEUE = "agents"
_QUEUE_POLL_S = 0.1
_MAX_RECOVERIES = 50
_THREADS = 8
_HAND_BACK_S = 5.0
_GIVEN_UP = ["MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR", "CANCELLED"]
_MOST_GIVEN_UP = 500
T = TypeVar("T")
Carry = Callable[[str], Awaitable[None]]
log = logging.getLogger(__name__)

_carry: Carry | None = None


@DBOS.workflow(name="agent_loop", max_recovery_attempts=_MAX_RECOVERIES)
async def _agent_loop(agent_run: str) -> None:
    if _carry is None:
        raise LookupError("the engine was not launched")
    await _carry(agent_run)


class DbosEngine:
    """Implements `runs.ports.Engine`. One per process: DBOS keeps global state."""

    def __init__(
        self, engine: sa.Engine, leases: Leases, carry: Callable[[str, "DbosEngine"], Awaitable[None]]
    ) -> None:
        self._engine = engine
        self._single = is_sqlite(engine)
        self._leases = leases
        self._carry_one = carry
        self._carrying: dict[str, asyncio.Task[Any]] = {}
        self._resting = False
        self._closing = False
        self._draining = False
        self._passing_on = asyncio.Lock()
        self._suspects: set[str] = set()
        url = engine.url.render_as_string(hide_password=False)
        self._config: DBOSConfig = {
            "name": "swarmstead",
            "system_database_url": url,
            "system_database_engine": engine,
            "application_version": LOOP_VERSION,
            "executor_id": leases.executor,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "max_executor_threads": _THREADS,
            "enable_otlp": False,
            "use_listen_notify": not self._single,
        }

    @property
    def version(self) -> str:
        """The version of the loop's shape that this process can carry on."""
        return LOOP_VERSION

    async def launch(self) -> None:
        """Start carrying: create DBOS's tables when they are missing and take up what a crash has left."""
        global _carry  # noqa: PLW0603 - DBOS registers workflows per process, at import
        _carry = self._carry
        logging.getLogger("dbos").setLevel(logging.WARNING)
        dbos = DBOS(config=self._config)
        DBOS.launch()
        close_while(dbos, lambda: self._resting)
        if not self._single:
            await DBOS.register_queue_async(_QUEUE, polling_interval_sec=_QUEUE_POLL_S)

    async def start(self, agent_run: str) -> None:
        """Start the loop of an agent run; starting twice starts once. Fails: storage errors.

        It is started outside of any other workflow's context: DBOS numbers a parent's children by the order in which
        they start, and a replay starts only those that are not done.
        """
        try:
            await _outside(self._start(agent_run))
        except DBAPIError as error:
            raise explain(error) from error

    async def _start(self, agent_run: str) -> None:
        with SetWorkflowID(agent_run):
            if self._single:
                await DBOS.start_workflow_async(_agent_loop, agent_run)
            else:
                await DBOS.enqueue_workflow_async(_QUEUE, _agent_loop, agent_run)

    async def _carry(self, agent_run: str) -> None:
        task = asyncio.current_task()
        if self._resting or task is None:
            await self._pass_on([agent_run])  # it was claimed a moment before we came to rest
            raise asyncio.CancelledError
        earlier = self._carrying.get(agent_run)
        self._carrying[agent_run] = task
        try:
            if earlier is not None:
                await _cut([earlier])
            await self._carry_one(agent_run, self)
        except asyncio.CancelledError:
            if not task.cancelling():  # nobody has cut it: it has come to rest by itself
                await self._pass_on([agent_run])
            raise
        finally:
            if self._carrying.get(agent_run) is task:
                del self._carrying[agent_run]

    async def carries(self, agent_run: str) -> bool:
        """Whether this process is still the one that carries a loop; another may have taken it over."""
        if self._single:
            return True
        found = await self._pending(workflow_ids=[agent_run])
        return bool(found) and not self._leases.lost

    async def take_over(self) -> int:
        """Take up the loops of workers whose lease has run out, and those of ours that got lost; returns how many."""
        if self._resting:
            return 0
        return await self._leases.take(self._take_from) + await self._take_up_lost()

    def _take_from(self, executor: str) -> int:
        left = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
        ids = [workflow.workflow_id for workflow in left]
        if ids:
            log.warning("worker %s is gone; its %d loops go to others", executor, len(ids))
            DBOS.resume_workflows(ids, queue_name=_QUEUE)
        return len(ids)

    async def _take_up_lost(self) -> int:
        """Loops that are ours by DBOS's books and that nobody here carries: seen so twice, they are queued again."""
        idle = {one for one in await self._pending() if one not in self._carrying}
        lost = sorted(idle & self._suspects)
        self._suspects = idle
        if lost:
            log.warning("%d loops were found that nobody carries; taking them up again", len(lost))
            await self._queue_again(lost)
        return len(lost)

    async def _pending(self, workflow_ids: list[str] | None = None) -> list[str]:
        listed = DBOS.list_workflows_async(
            workflow_ids=workflow_ids,
            status="PENDING",
            executor_id=self._leases.executor,
            load_input=False,
            load_output=False,
        )
        found: list[Any] = await _outside(listed)
        return [workflow.workflow_id for workflow in found]

    async def _queue_again(self, ids: list[str]) -> None:
        await _outside(DBOS.resume_workflows_async(ids, queue_name=None if self._single else _QUEUE))

    async def _pass_on(self, ids: list[str] | None = None) -> None:
        """While we drain, queue for other workers what is ours (of `ids`) and is not carried here any more.

        What cannot be passed on now is with the next renewal of the lease, or at the end of the process.
        """
        if self._single or not self._draining or self._closing or self._leases.lost:
            return
        try:
            async with self._passing_on:  # what one has queued, another worker may carry already
                mine = [one for one in await self._pending(ids) if ids or one not in self._carrying]
                if mine:
                    await self._queue_again(mine)
        except Exception:
            log.exception("loops that rest here cannot be passed on to other workers yet")

    async def poisoned(self) -> list[str]:
        """The latest loops that DBOS will not start again: after too many crashes, or a fault in starting them."""
        found: list[Any] = await DBOS.list_workflows_async(
            status=_GIVEN_UP, sort_desc=True, limit=_MOST_GIVEN_UP, load_input=False, load_output=False
        )
        return [workflow.workflow_id for workflow in found]

    async def keep_lease(self) -> None:
        """Renew the lease for ever. While that fails for so long that others may take over, nothing is carried here."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await self.renew()

    async def renew(self) -> None:
        """Renew the lease once, within bounds; stop carrying when it may be lost, begin again when it is not."""
        if self._leases.lost:
            await self._suspend()
        try:
            async with asyncio.timeout(RENEW_EVERY_S):
                await self._leases.renew()
        except Exception:
            log.exception("the worker's lease could not be renewed; it tries again")
            if self._leases.lost:
                await self._suspend()
        else:
            self._resting = self._closing or self._draining
            await self._pass_on()

    async def rest(self, busy: Callable[[str], bool]) -> None:
        """Take nothing up from now on; loops that are not `busy` are cut now, the others stop by themselves.

        Where there are other workers, each goes on with one of those as soon as it rests here.
        """
        self._draining = self._resting = True
        await _cut([task for agent_run, task in self._carrying.items() if not busy(agent_run)])
        await self._pass_on()

    async def wake(self) -> None:
        """Take loops up again, first those that were let go."""
        self._draining = False
        self._resting = self._closing or self._leases.lost
        if not self._resting and (left := [one for one in await self._pending() if one not in self._carrying]):
            await self._queue_again(left)

    async def at_rest(self) -> None:
        """Wait until no loop is carried here."""
        while self._carrying:
            await asyncio.wait(self._carrying.values())

    @property
    def carrying(self) -> int:
        """How many loops are carried here now."""
        return len(self._carrying)

    async def _suspend(self) -> None:
        if not self._resting:
            log.error("the worker's lease may be lost: stopping its %d loops", len(self._carrying))
        self._resting = True
        await _cut(self._carrying.values())

    async def close(self) -> None:
        """Let go: loops are cut where they stand and handed back, for others now or for the next start of this one."""
        self._resting = self._closing = True
        logging.getLogger("dbos").setLevel(logging.CRITICAL)  # it has something to say about every loop that is cut
        await _cut(self._carrying.values())
        await asyncio.to_thread(DBOS.destroy)
        # DBOS had the loop's threads exchanged for its own, and has ended those.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        try:
            async with asyncio.timeout(_HAND_BACK_S):
                await asyncio.to_thread(self._hand_back)
                await self._leases.give_back()
        except Exception:
            log.exception("loops could not be handed back; they are found by their lease or by the next start")
        self._engine.dispose()

    def _hand_back(self) -> None:
        """Queue again what was carried here: only now, when nothing takes from the queue here any more.

        An orderly stop is no crash, and queueing sets the count of crashes back.
        """
        client = DBOSClient(system_database_engine=self._engine, retry_connection_errors=False)
        left = client.list_workflows(
            status="PENDING", executor_id=self._leases.executor, load_input=False, load_output=False
        )
        if left:
            queue = None if self._single else _QUEUE
            client.resume_workflows([workflow.workflow_id for workflow in left], queue_name=queue)
        client.destroy()


async def _outside(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` outside of the workflow that this may be called from."""
    return await asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def _cut(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cut = [task for task in tasks if task is not asyncio.current_task()]
    for task in cut:
        task.cancel()
    await asyncio.gather(*cut, return_exceptions=True)
