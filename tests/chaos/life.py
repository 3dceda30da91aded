"""One life of a server: it opens its data, launches the swarm (or finds it launched), and a person answers it.

It lives until the run has ended and says what came of it, or until it is killed.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from swarmstead.audit import queries as audit
from swarmstead.budgets.tables import budget_accounts, budget_leases
from swarmstead.kernel.scope import system_scope
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as inbox
from swarmstead.permits.contract import Approval, Decision
from swarmstead.permits.errors import AlreadyDecided
from swarmstead.permits.tables import approvals
from swarmstead.resources import handlers as resources
from swarmstead.resources.contract import Document
from swarmstead.resources.manifests import parse
from swarmstead.runs import queries
from swarmstead.runs.contract import ENDED, Launch, Overrides, events_topic
from swarmstead.runs.records import loaded
from swarmstead.runs.tables import agent_runs, events, runs, steps
from swarmstead.settings import Settings, load
from swarmstead.wiring import KINDS, App, open_app
from tests.chaos.kills import Boundaries, Kill, die
from tests.chaos.swarm import MANIFESTS, SWARM

SCOPE = system_scope("default", "chaos")


@dataclass(frozen=True)
class Life:
    """How a server is to live. `kill_at_start` counts from the first moment, `kill` from when it is up.

    `kill_in_call` is a gate of the tool server, such as `before append`; `takes_tools_along` has that die with us.
    Without `allows` the person answers nothing, for when no side effect may be in flight.
    `stops_at` is a kind of event after which it is closed in good order, with nothing to say. One that does not launch
    waits for another to do it.
    """

    folder: str
    database_url: str = ""
    kill: Kill | None = None
    kill_at_start: Kill | None = None
    kill_in_call: str = ""
    takes_tools_along: bool = False
    allows: bool = True
    stops_at: str = ""
    launches: bool = True


async def open_at(folder: Path, database_url: str) -> App:
    """A server with the swarm declared."""
    app = await open_app(settings_of(folder, database_url))
    await app.db.write(lambda tx: resources.apply(tx, SCOPE, app.clock, documents()))
    return app


@cache
def documents() -> list[Document]:
    """The manifests of the swarm; read once for all lives."""
    return parse(MANIFESTS, KINDS)


async def live(life: Life) -> dict[str, Any]:
    """Live; what came of it."""
    folder = Path(life.folder)
    boundaries = Boundaries()
    boundaries.install()
    if life.kill_at_start is not None:
        boundaries.arm(life.kill_at_start)
    app = await open_at(folder, life.database_url)
    if life.kill_at_start is None:
        boundaries.arm(life.kill)
    effects = folder / "repo" / "chaos"
    effects.mkdir(exist_ok=True)
    if life.kill_in_call:
        await die_in_call(effects, life)
    if not life.launches:
        await app.signals.until(events_topic("default"), lambda: has(app, "run.queued"))
    wish = Launch(SWARM, {"repo": str(folder / "repo")}, Overrides(), "dev", idempotency_key="chaos")
    run = await app.runs.launch(SCOPE, wish)
    if life.stops_at:
        await app.signals.until(events_topic("default"), lambda: has(app, life.stops_at))
        await app.close()
        return {}
    person = asyncio.create_task(answer(app, effects)) if life.allows else None
    await app.signals.until(events_topic("default"), lambda: ended(app, run))
    if person is not None:
        person.cancel()
    outcome = await app.db.read(lambda conn: outcome_of(conn, app, run))
    commits = list(boundaries.labels)
    await app.close()
    return outcome | {"commits": commits}


async def die_in_call(effects: Path, life: Life) -> None:
    """Hold every call at its gates, and die at the one that was named."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.decode().startswith(f"{life.kill_in_call} "):
                if life.takes_tools_along:
                    for one in (effects / "pids").read_text().splitlines():
                        os.kill(int(one.split()[0]), signal.SIGKILL)
                die()
            writer.write(b"go\n")

    await asyncio.start_unix_server(hold, effects / "gate")


def settings_of(folder: Path, database_url: str) -> Settings:
    """The settings of a server under `folder`; on SQLite when there is no URL."""
    return load({}, data=folder / "data", allowed_paths=(folder,), database_url=database_url or None)


async def ended(app: App, run: str) -> str | None:
    """The run's status once it has ended."""
    found = await app.db.read(lambda conn: queries.get(conn, SCOPE, run))
    return str(found.row["status"]) if found.row["status"] in ENDED else None


async def has(app: App, kind: str) -> str | None:
    """The kind, once there is an event of it."""
    query = sa.select(events.c.kind).where(events.c.kind == kind).limit(1)
    return await app.db.read(lambda conn: conn.execute(query).scalar())


async def answer(app: App, effects: Path) -> None:
    """A person: allows every plan; asked about an unknown outcome, looks whether it happened."""

    async def one() -> None:
        for asked in await app.db.read(lambda conn: inbox.find(conn, SCOPE, statuses=["pending"])):
            decision, reason = await judge(asked, effects)
            with suppress(AlreadyDecided):  # a person at another server was faster
                await app.db.write(
                    lambda tx, asked=asked, decision=decision, reason=reason: permits.decide(
                        tx, SCOPE, app.clock, asked.id, decision, reason, asked.hash
                    )
                )

    await app.signals.until(events_topic("default"), one)


async def judge(asked: Approval, effects: Path) -> tuple[Decision, str]:
    """Run it again only if it has not happened, once nobody is left who could still do it."""
    if asked.kind == "plan":
        return "approve", ""
    for line in (effects / "pids").read_text().splitlines():
        pid, parent = (int(part) for part in line.split())
        if parent != os.getpid():
            await gone(pid)
    lines = effects / "lines"
    happened = lines.exists() and asked.payload["arguments"]["line"] in lines.read_text().splitlines()
    return ("deny", "It has happened.") if happened else ("approve", "")


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def outcome_of(conn: sa.Connection, app: App, run: str) -> dict[str, Any]:
    """What a run left behind, without what differs from run to run."""
    found = queries.get(conn, SCOPE, run)
    agents: Mapping[str, str] = {row.id: row.agent for row in conn.execute(sa.select(agent_runs))}
    keys = [row.seq for row in conn.execute(sa.select(events.c.seq).order_by(events.c.seq))]
    return {
        "status": found.row["status"],
        "result": found.row["result"],
        "error": found.row["error"],
        "pending": found.row["pending"],
        "runs": conn.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one(),
        "agents": sorted((row.agent, row.status, row.outcome) for row in conn.execute(sa.select(agent_runs))),
        "steps": sorted(_step(conn, row, agents) for row in conn.execute(sa.select(steps))),
        "open questions": inbox.count_pending(conn, SCOPE),
        "questions": sorted((row.kind, row.tool, row.status) for row in conn.execute(sa.select(approvals))),
        "audit": audit.verify_stored(conn, SCOPE, app.signer).ok,
        "gapless": keys == list(range(1, len(keys) + 1)),
        "open leases": conn.execute(sa.select(budget_leases.c.id).where(budget_leases.c.settled.is_(None))).all() != [],
        "reserved": int(conn.execute(sa.select(sa.func.sum(budget_accounts.c.reserved))).scalar_one()),
    }


def _step(conn: sa.Connection, row: sa.Row[Any], agents: Mapping[str, str]) -> tuple[Any, ...]:
    agent_run, _, rest = row.key.partition("/")
    output = loaded(conn, "default", row.output)
    text = output["text"] if output else None
    return agents[agent_run], rest, row.kind, row.name, row.status, text, row.waited_to is not None
