"""The durable engine on DBOS: agent loops as workflows that survive their process.

What DBOS carries: that a loop was started, once per id; that it is started again after a crash; who carries it; which
version of the loop it is. What it does not carry: the loop's steps, which are rows of our own journal, written together
with their events, spend and audit (ADR 0001). So a workflow here has one argument, an id, and no DBOS steps.

One process and SQLite: a loop starts in this process at once. Postgres: it goes through the queue `agents`, from which
every worker takes; each worker holds a lease, and the loops of one whose lease has run out are taken over.
"""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from swarmstead.runs.adapters.leases import Leases
from swarmstead.storage.engines import is_sqlite

# Raise it when the loop's keys change so that an older journal cannot be carried on; see docs/runbooks/upgrade.md.
LOOP_VERSION = "1"
_QUEUE = "agents"
_QUEUE_POLL_S = 0.1
_MAX_RECOVERIES = 50
_THREADS = 8
Carry = Callable[[str], Awaitable[None]]

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
        self._single = is_sqlite(engine)
        self._leases = leases
        self._carry_one = carry
        self._carrying: set[asyncio.Task[Any]] = set()
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
        DBOS(config=self._config)
        DBOS.launch()
        if not self._single:
            await DBOS.register_queue_async(_QUEUE, polling_interval_sec=_QUEUE_POLL_S)

    async def start(self, agent_run: str) -> None:
        """Start the loop of an agent run; starting twice starts once.

        It is started outside of any other workflow's context: DBOS numbers a parent's children by the order in which
        they start, and a replay starts only those that are not done.
        """
        context = contextvars.Context()
        await asyncio.get_running_loop().create_task(self._start(agent_run), context=context)

    async def _start(self, agent_run: str) -> None:
        with SetWorkflowID(agent_run):
            if self._single:
                await DBOS.start_workflow_async(_agent_loop, agent_run)
            else:
                await DBOS.enqueue_workflow_async(_QUEUE, _agent_loop, agent_run)

    async def _carry(self, agent_run: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)
        await self._carry_one(agent_run, self)

    async def take_over(self) -> int:
        """Take up the loops of workers whose lease has run out; returns how many."""
        taken = 0
        for executor in await self._leases.expired():
            left = await DBOS.list_workflows_async(
                status="PENDING", executor_id=[executor], load_input=False, load_output=False
            )
            ids = [workflow.workflow_id for workflow in left]
            if ids:
                await DBOS.resume_workflows_async(ids, queue_name=_QUEUE)
            await self._leases.forget(executor)
            taken += len(ids)
        return taken

    async def poisoned(self, agent_runs: list[str]) -> list[str]:
        """Which of these loops DBOS has given up on, after too many crashes."""
        found: list[Any] = await DBOS.list_workflows_async(
            workflow_ids=agent_runs,
            status=["MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR"],
            load_input=False,
            load_output=False,
        )
        return [workflow.workflow_id for workflow in found]

    async def close(self) -> None:
        """Let go: loops are cut where they stand and taken up again by the next start."""
        tasks = list(self._carrying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leases.forget(self._leases.executor)
        await asyncio.to_thread(DBOS.destroy)
