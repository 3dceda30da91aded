"""What the tests of upstream sessions share: sessions with tight limits, and servers to point them at."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import CallResult, ServerRef, ToolServerSpec
from swarmstead.gateway.egress import LOOPBACK, Egress
from swarmstead.gateway.offers import Conversation

FAKES = Path(__file__).parent
LIMITS = UpstreamLimits(start_timeout_s=20, stop_grace_s=0.5, max_message_bytes=1_000_000, max_pages=5)
HERE = Egress(LOOPBACK)
"""Egress rules that let requests reach this machine, where the fakes are."""
CALL_S = 20.0
SOON_S = 0.5
"""Time limit of calls that are meant to run out of it."""


def unvetted(conversation: Conversation) -> None:
    """A `Vet` that lets everything out: for tests of what comes after it."""
    del conversation


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(clock: Clock) -> AsyncGenerator[Upstreams]:
    """Sessions for one test; in the end they are closed and no process of theirs is left."""
    before = set(psutil.Process().children(recursive=True))
    made = Upstreams(LIMITS, egress=HERE, clock=clock)
    async with asyncio.timeout(60):
        yield made
        await made.aclose()
    assert set(psutil.Process().children(recursive=True)) <= before, "a process was left behind"


def fake(start: str = "ready", *, name: str = "fake", env: dict[str, str] | None = None) -> ServerRef:
    command = (sys.executable, str(FAKES / "mcp_stdio_server.py"), start)
    return ServerRef(name, ToolServerSpec("stdio", command, env=env or {}))


def http(url: str, headers: dict[str, str] | None = None) -> ServerRef:
    return ServerRef("web", ToolServerSpec("http", url=url, headers=headers or {}))


async def call(
    upstreams: Upstreams,
    server: ServerRef,
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    timeout_s: float = CALL_S,
) -> CallResult:
    return await upstreams.call_tool(server, tool, arguments or {}, vet=unvetted, key="k1", timeout_s=timeout_s)


async def structured(
    upstreams: Upstreams, server: ServerRef, tool: str, arguments: dict[str, Any] | None = None
) -> Any:
    return (await call(upstreams, server, tool, arguments)).structured
