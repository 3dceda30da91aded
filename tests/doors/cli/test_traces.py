"""One trace from a client or a run, through the gateway, to a tool server: real processes, real HTTP."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.doors.cli.helpers import Server, up
from tests.fakes import leaky
from tests.fakes.collector import Collector, Seen, collecting
from tests.fakes.leaky import Leaky
from tests.rooms.runs.swarms import document

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"
PARAMS: dict[str, Any] = {"name": "kit__answer", "arguments": {"note": "x"}}
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "kit__answer"}
LEGACY = {"mcp-protocol-version": "2025-11-25"}
ERAS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {"modern": (MODERN, META), "legacy": (LEGACY, {})}


@pytest.fixture
def collector() -> Generator[Collector]:
    with collecting() as found:
        yield found


@pytest_asyncio.fixture
async def kit() -> AsyncGenerator[Leaky]:
    async with leaky.serving("words") as serving:
        yield serving


def served(url: str) -> list[dict[str, Any]]:
    """A tool server, and its use by everybody outside."""
    return [
        document("ToolServer", "kit", transport="http", url=url),
        document("Binding", "outside", agent="*", server="kit", tools=["answer"]),
    ]


def solo(tool: str) -> list[dict[str, Any]]:
    """A tool's use by an agent, as a swarm of one."""
    script = {"solo": [{"calls": [{"tool": f"kit__{tool}", "arguments": {"note": "x"}}]}, {"say": "done"}]}
    price = {"input_per_million_usd": "1", "output_per_million_usd": "1"}
    return [
        document("Binding", "solo", agent="solo", server="kit", tools=[tool]),
        document("Model", "played", provider="scripted", price=price, script=script),
        document("Agent", "solo", model="played", instructions="Ask."),
        document("Swarm", "one", pattern="delegate", coordinator="solo", members=[], inputs={}, task="Ask."),
    ]


def client(server: Server) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {server.key}"}
    return httpx.AsyncClient(base_url=server.address, headers=headers, timeout=30)


async def apply(http: httpx.AsyncClient, *documents: dict[str, Any]) -> None:
    """Declare these."""
    text = "\n---\n".join(json.dumps(one) for one in documents)
    applied = await http.post("/api/v1/apply", content=text, headers={"content-type": "application/yaml"})
    assert applied.status_code == 200, applied.text


async def call(http: httpx.AsyncClient, era: str, **meta: str) -> None:
    """One call of the tool from outside."""
    headers, own = ERAS[era]
    params = PARAMS | {"_meta": own | meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await http.post("/mcp", json=message, headers=headers)
    assert not answer.json()["result"].get("isError"), answer.text


def children(collector: Collector, span: Seen) -> dict[str, Seen]:
    """What lies beneath a span, by name."""
    return {one.name: one for one in collector.spans if (one.trace, one.parent) == (span.trace, span.id)}


@pytest.mark.parametrize("verb", ["up", "gateway"])
async def test_a_call_from_outside_is_one_trace_in_both_eras(
    verb: str, kit: Leaky, collector: Collector, tmp_path: Path
) -> None:
    env = {"STEAD_OTLP_ENDPOINT": collector.address, "STEAD_TRACE_CALLS": "1"}
    options = [] if verb == "up" else ["--port", "0"]
    with up(tmp_path, tmp_path / "data", *options, command=verb, env=env) as server:
        async with client(server) as http:
            await apply(http, *served(kit.url))
            for era in ERAS:
                await call(http, era, traceparent=GIVEN)
                await call(http, era)
        await asyncio.to_thread(collector.until, lambda: len(collector.named("tool.call")) == 4)
    calls = collector.named("tool.call")
    assert [(one.parent, one.kind) for one in calls] == [(SPAN, "server"), ("", "server")] * 2
    assert len({one.trace for one in calls}) == 3
    legs = [children(collector, one)["tool.upstream"] for one in calls]
    assert kit.traces == [f"00-{leg.trace}-{leg.id}-01" for leg in legs]
    assert {children(collector, one)["policy.check"].attributes["swarmstead.policy.effect"] for one in calls} == {
        "allow"
    }
    assert calls[0].resource["service.name"] == "swarmstead"


async def test_a_run_is_one_trace_down_to_the_tool_server(kit: Leaky, collector: Collector, tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
    with up(tmp_path, tmp_path / "data", env=env) as server:
        async with client(server) as http:
            await apply(http, *served(kit.url), *solo("answer"))
            launched = await http.post("/api/v1/runs", json={"swarm": "one", "input": {}})
            assert launched.status_code == 201, launched.text
            await asyncio.to_thread(collector.until, lambda: bool(collector.named("agent.run")))
            run = (await http.get(f"/api/v1/runs/{launched.json()['id']}")).json()
    (agent,) = collector.named("agent.run")
    assert (agent.trace, agent.attributes["swarmstead.run"]) == (run["trace_id"], run["id"])
    assert (agent.parent, agent.error, agent.attributes["gen_ai.agent.name"]) == ("", False, "solo")
    plans = [one for one in collector.named("agent.plan") if one.parent == agent.id]
    assert [children(collector, plan)["llm.call"].attributes["gen_ai.provider.name"] for plan in plans] == [
        "scripted",
        "scripted",
    ]
    tool = children(collector, agent)["tool.call"]
    leg = children(collector, tool)["tool.upstream"]
    assert kit.traces == [f"00-{run['trace_id']}-{leg.id}-01"]
    assert {span.trace for span in collector.spans} == {run["trace_id"]}


async def test_a_server_that_is_killed_tells_no_step_twice(kit: Leaky, collector: Collector, tmp_path: Path) -> None:
    env = {"STEAD_OTLP_ENDPOINT": collector.address}
    with up(tmp_path, tmp_path / "data", env=env) as server:
        async with client(server) as http:
            await apply(http, *served(kit.url), *solo("hang"))
            launched = await http.post("/api/v1/runs", json={"swarm": "one", "input": {}})
            assert launched.status_code == 201, launched.text
        await asyncio.wait_for(kit.hanging.wait(), 30)
        await asyncio.to_thread(collector.until, lambda: bool(collector.named("agent.plan")))
        server.process.kill()
    assert collector.named("agent.run") == []
    kit.answer_all()
    with up(tmp_path, tmp_path / "data", env=env):
        await asyncio.to_thread(collector.until, lambda: bool(collector.named("agent.run")))
    # Of the call that was in flight nobody lived to tell; a check of it may have been told before.
    names = Counter(span.name for span in collector.spans if span.name != "policy.check")
    assert names == {"agent.run": 1, "agent.plan": 2, "llm.call": 2, "tool.call": 1, "tool.upstream": 1}
    (agent,) = collector.named("agent.run")
    above = {agent.id} | {span.id for span in collector.named("agent.plan")}
    assert {span.parent for span in collector.named("agent.plan")} == {agent.id}
    assert {span.parent for span in collector.named("llm.call")} < above
    assert {span.trace for span in collector.spans} == {agent.trace}


async def test_what_waits_is_told_when_the_server_ends(kit: Leaky, collector: Collector, tmp_path: Path) -> None:
    env = {"STEAD_OTLP_ENDPOINT": collector.address, "STEAD_TRACE_CALLS": "1"}
    with up(tmp_path, tmp_path / "data", env=env) as server:
        async with client(server) as http:
            await apply(http, *served(kit.url))
            for _ in range(5):
                await call(http, "modern")
        assert server.stop() == 0, server.said
    assert len(collector.named("tool.call")) == 5


async def test_without_a_collector_calls_are_answered_and_what_is_dropped_is_counted(
    kit: Leaky, tmp_path: Path
) -> None:
    with collecting() as gone:
        address = gone.address
    env = {"STEAD_OTLP_ENDPOINT": address, "STEAD_TRACE_CALLS": "1"}
    with up(tmp_path, tmp_path / "data", env=env) as server:
        async with client(server) as http:
            await apply(http, *served(kit.url))
            for _ in range(5):
                await call(http, "modern")
            async with asyncio.timeout(30):
                while 'stead_spans_dropped_total{why="collector"} 15' not in (await http.get("/metrics")).text:
                    assert server.process.poll() is None
        assert server.stop() == 0, server.said
    assert "STEAD_OTLP_ENDPOINT" in server.said
    assert address not in server.said


def test_a_secret_of_the_collector_that_is_missing_is_said_at_start(tmp_path: Path) -> None:
    env = {"STEAD_OTLP_ENDPOINT": "http://127.0.0.1:4318", "STEAD_OTLP_HEADERS": "x-token=env:NOT_THERE"}
    with pytest.raises(AssertionError, match=r"env:NOT_THERE points to a variable that is not set"):  # noqa: SIM117
        with up(tmp_path, tmp_path / "data", env=env):
            pass
