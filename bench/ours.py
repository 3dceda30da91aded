"""Swarmstead in this process: the real composition root, with a model and a tool server that answer at once.

What is left is the product's own work: journal, events, reservations, audit, the gateway's chain, the durable engine.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from bench import postgres
from bench.manifests import document, dump
from bench.workload import FINDING, Counts, Stamps, arguments_of, said_of, task_of, work_of
from swarmstead import gatehouse, wiring
from swarmstead.gateway.contract import CallResult, ServerRef
from swarmstead.gateway.offers import Conversation, Listing, Vet
from swarmstead.gateway.relay import Relay
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.models.contract import ModelReply, ModelRequest, ModelSpec, ToolCall, Usage
from swarmstead.models.ports import BeforeRetry, ModelProvider, OnDelta
from swarmstead.people.handlers import DEFAULT_TENANT
from swarmstead.resources import handlers as resources
from swarmstead.resources.manifests import parse
from swarmstead.runs import queries
from swarmstead.runs.contract import Launch, Overrides, run_topic
from swarmstead.runs.model import ENDED
from swarmstead.settings import load
from swarmstead.storage.database import Tx

MEMBERS = 12
_WHOSE = ("IDENTITY", "TENANT")
_SCOPE = Scope(DEFAULT_TENANT, Actor("key:bench", "user", "bench", frozenset({"admin"})))
_TOOL: Mapping[str, Any] = {
    "name": "look",
    "description": "Reads a part of a file.",
    "inputSchema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["path", "lines"],
        "properties": {"path": {"type": "string", "maxLength": 200}, "lines": {"type": "integer", "maximum": 400}},
    },
    "annotations": {"readOnlyHint": True},
}


class Model:
    """A priced model: one tool call a turn or one delegation per member, and then it is done."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """The next turn of the task that the user's message states."""
        del spec, on_delta, before_retry
        self._stamps.add()
        turn = sum(message.role == "assistant" for message in request.messages)
        agents, calls = work_of(request.messages[1].text)
        asked: tuple[ToolCall, ...] = ()
        if agents and turn == 0:
            part = {"task": task_of(0, calls), "why": "its part of the work"}
            asked = tuple(ToolCall(f"d{n}", "delegate", {"agent": f"m{n}"} | part) for n in range(agents))
        elif not agents and turn < calls:
            asked = (ToolCall(f"c{turn}", "bench__look", arguments_of(turn)),)
        return ModelReply(said_of(turn), asked, Usage(400, 60), "tool_calls" if asked else "stop", "bench")

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """Nothing."""
        del spec

    async def aclose(self) -> None:
        """Nothing to close."""


class ToolServer:
    """A tool server without a wire."""

    def __init__(self) -> None:
        self._conversation = Conversation()

    def watch(self, changed: Callable[[ServerRef], None]) -> None:
        """Nothing changes."""

    def conversation(self, server: ServerRef) -> Conversation:
        """The same for all."""
        del server
        return self._conversation

    async def list_tools(self, server: ServerRef) -> Listing:
        """One tool, read-only."""
        del server
        return Listing(self._conversation, 0, [_TOOL])

    async def call_tool(
        self,
        server: ServerRef,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        vet: Vet,
        key: str,
        timeout_s: float,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        relay: Relay | None = None,
        expect: Mapping[str, Any] | None = None,
        traceparent: str = "",
    ) -> CallResult:
        """Always the same finding."""
        del server, tool, arguments, key, timeout_s, more, headers, relay, expect, traceparent
        if (look := vet(self._conversation)) is not None:
            await look
        return CallResult(({"type": "text", "text": FINDING},))

    async def aclose(self) -> None:
        """Nothing to close."""


class Ours:
    """The product as a contender."""

    def __init__(self, *, on_postgres: bool) -> None:
        self._on_postgres = on_postgres
        self._stack = AsyncExitStack()
        self._folder = Path()
        self.stamps = Stamps()

    async def open(self, folder: Path) -> None:
        """Bring it up on an empty database, with the swarms declared."""
        self._folder = folder
        environment = {"STEAD_DATA": str(folder), "STEAD_LOG_LEVEL": "warning"}
        environment |= {"STEAD_USER_DAY_USD": "100000", "STEAD_TENANT_DAY_USD": "100000"}
        # Rates that are never reached: an agent would wait for its five calls a second, and the wait would be measured.
        environment |= {f"STEAD_{what}_PER_{whose}": "1000000" for what in ("RATE", "BURST") for whose in _WHOSE}
        if self._on_postgres:
            environment["STEAD_DATABASE_URL"] = self._stack.enter_context(postgres.running(folder / "pg"))
        providers: dict[str, ModelProvider] = {"openai": Model(self.stamps)}
        with (
            mock.patch.object(wiring, "_providers", return_value=providers),
            mock.patch.object(gatehouse, "Upstreams", return_value=ToolServer()),
        ):
            self._app = await wiring.open_app(load(environment))
        self._stack.push_async_callback(self._app.close)
        documents = parse(manifests(), wiring.KINDS)
        await self._app.db.write(lambda tx: resources.apply(tx, _SCOPE, self._app.clock, documents))

    async def turns(self, turns: int) -> None:
        """One run of one agent."""
        await self._run("solo", task_of(0, turns))

    async def swarm(self, agents: int, calls: int) -> None:
        """One run of a coordinator and its members."""
        await self._run("crew", task_of(agents, calls))

    async def _run(self, swarm: str, task: str) -> None:
        app = self._app
        run = await app.runs.launch(_SCOPE, Launch(swarm, {"work": task}, Overrides(), "dev"))

        async def ended() -> str | None:
            status = (await app.db.read(lambda conn: queries.get(conn, _SCOPE, run))).row["status"]
            return status if status in ENDED else None

        status = await app.signals.until(run_topic(run), ended)
        assert status == "succeeded", status

    async def count(self) -> Counts:
        """Count what the writer does from here on; the durable engine has no part in a turn.

        On Postgres commits only: hot statements pass SQLAlchemy by, and psycopg has no trace.
        """
        counts = Counts()
        if self._on_postgres:
            counts.watch(self._app.db.writer)
        else:
            await self._app.db.write(lambda tx: _driver(tx).set_trace_callback(counts.trace))
        return counts

    def server_cpu_s(self) -> float:
        """Seconds of CPU of the database server, 0 where there is none."""
        return postgres.cpu_seconds(self._folder / "pg") if self._on_postgres else 0.0

    async def close(self) -> None:
        """Take everything down."""
        await self._stack.aclose()


def _driver(tx: Tx) -> sqlite3.Connection:
    connection = tx.conn.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def manifests() -> str:
    """One agent alone, and a coordinator with its members; all on one priced model and one tool."""
    members = [f"m{n}" for n in range(MEMBERS)]
    work: dict[str, Any] = {"inputs": {"work": {"type": "text"}}, "task": "{work}", "pattern": "delegate"}
    work["limits"] = {"budget_usd": "1000", "max_agents": MEMBERS + 1}
    price = {"input_per_million_usd": "0.15", "output_per_million_usd": "0.60"}
    model = {"provider": "openai", "model": "bench", "base_url": "http://127.0.0.1:9/v1", "price": price}
    documents = [
        document("Model", "bench", model),
        document("ToolServer", "bench", {"transport": "http", "url": "http://127.0.0.1:9/mcp"}),
        document("Swarm", "solo", {"coordinator": "alone"} | work),
        document("Swarm", "crew", {"coordinator": "lead", "members": members} | work),
    ]
    for name in ("alone", "lead", *members):
        agent = {"model": "bench", "instructions": "Read the service and say what is wrong.", "max_turns": 200}
        documents.append(document("Agent", name, agent))
        documents.append(document("Binding", name, {"agent": name, "server": "bench", "tools": ["look"]}))
    return dump(documents)
