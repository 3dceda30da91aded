"""What passes through the gateway stays between those it is for: a real server, every way in, every place to look."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from tests.doors.cli.helpers import Server, up
from tests.doors.leaks.canaries import Canaries, files, leaks, tables
from tests.fakes import leaky
from tests.fakes.collector import Collector, collecting
from tests.fakes.leaky import Leaky

CANARIES = Canaries()
PROGRAM = Path(leaky.__file__).with_name("leaky_program.py")
POLICY = """
@id("never") @reason("this tool is shut")
forbid (principal, action, resource == Tool::"kit/forbidden");
"""
MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
PAGES = (
    *("/metrics", "/healthz", "/readyz", "/api/v1/events", "/api/v1/audit", "/api/v1/audit:export", "/api/v1/traffic"),
    *("/api/v1/tool-servers", "/api/v1/tools", "/api/v1/overview", "/api/v1/approvals?status=approved"),
    *("/api/v1/resources?kind=ToolServer", "/api/v1/resources/ToolServer/kit"),
)
ENVIRONMENT = {
    "STEAD_LOG_LEVEL": "debug",
    "STEAD_RATE_PER_IDENTITY": "0",
    "STEAD_BREAKER_CALLS": "1000",
    "KIT_TOKEN": f"Bearer {CANARIES.header}",
    "PROGRAM_TOKEN": CANARIES.program,
    "STEAD_OTLP_HEADERS": "x-token=env:COLLECTOR_TOKEN",
    "COLLECTOR_TOKEN": CANARIES.collector,
    "STEAD_TRACE_CALLS": "1",
}


def manifests(url: str) -> str:
    """The two servers, both with a secret by reference, and everything of them for outside callers."""
    programs = ["tell", "refuse", "die"]
    web = {"transport": "http", "url": url, "headers": {"Authorization": "env:KIT_TOKEN"}, "limits": {"timeout_s": 1}}
    program = {"transport": "stdio", "command": [sys.executable, str(PROGRAM)], "env": {"TOKEN": "env:PROGRAM_TOKEN"}}
    documents = [
        ("ToolServer", "kit", web),
        ("ToolServer", "prog", program),
        ("Binding", "kit", {"agent": "*", "server": "kit", "tools": [*leaky.READS, "change"], "resources": ["x://*"]}),
        ("Binding", "prog", {"agent": "*", "server": "prog", "tools": programs}),
        ("Policy", "shut", {"description": "One is shut.", "cedar": POLICY}),
    ]
    return yaml.safe_dump_all(
        {"apiVersion": "swarmstead.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in documents
    )


class Client:
    """A caller from outside who carries secrets of its own; `heard` is everything that it was answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.heard: list[str] = []

    async def call(self, tool: str, note: str | None = CANARIES.argument, **more: Any) -> dict[str, Any]:
        """Call a tool in the era without sessions, and in the one before."""
        params = {"name": tool, "arguments": {} if note is None else {"note": note}}
        await self._post({**params, "_meta": META | more}, MODERN | {"mcp-name": tool})
        return await self._post({**params, "_meta": more}, {"mcp-protocol-version": "2025-11-25"})

    async def once(self, tool: str, note: str, **more: Any) -> dict[str, Any]:
        """Call a tool once."""
        params = {"name": tool, "arguments": {"note": note}, "_meta": more}
        return await self._post(params, {"mcp-protocol-version": "2025-11-25"})

    async def read(self, uri: str) -> None:
        """Read a resource."""
        await self._post({"uri": uri}, {"mcp-protocol-version": "2025-11-25"}, "resources/read")

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Anything else."""
        answer = await self._http.request(method, path, **more)
        self.heard.append(answer.text)
        return answer

    def stream(self, path: str) -> AbstractAsyncContextManager[httpx.Response]:
        """An answer as it comes."""
        return self._http.stream("GET", path, headers={"accept": "text/event-stream"})

    async def _post(self, params: Any, headers: dict[str, str], method: str = "tools/call") -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await self.send("POST", "/mcp", json=message, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest_asyncio.fixture
async def kit() -> AsyncGenerator[Leaky]:
    async with leaky.serving(CANARIES.words) as serving:
        yield serving


@pytest.fixture
def collector() -> Generator[Collector]:
    with collecting() as found:
        yield found


@asynccontextmanager
async def calling(server: Server) -> AsyncGenerator[Client]:
    """A client of a server, and a listener to its stream of events."""
    headers = {
        "authorization": f"Bearer {server.key}",
        "cookie": f"theme={CANARIES.cookie}",
        "x-custom": CANARIES.custom,
    }
    async with httpx.AsyncClient(base_url=server.address, headers=headers, timeout=30) as http:
        yield Client(http)


async def everything_that_happens(client: Client) -> str:
    """Calls of every outcome; the id of the plan that one of them made."""
    for tool in leaky.READS:
        if tool == "shut":
            shut = await client.send("POST", "/api/v1/tools/kit/shut:quarantine", json={"reason": "a test"})
            assert shut.status_code == 200, shut.text
        await client.call(f"kit__{tool}")
    for tool in ("tell", "refuse", "die"):
        await client.call(f"prog__{tool}", None)
    await client.read("x://one")
    planned = await client.once("kit__change", CANARIES.planned)
    plan: str = planned["result"]["_meta"]["swarmstead.dev/plan"]["plan_id"]
    asked = (await client.send("GET", f"/api/v1/approvals/{plan}")).json()
    decision = {"decision": "approve", "hash": asked["hash"], "reason": ""}
    assert (await client.send("POST", f"/api/v1/approvals/{plan}:decide", json=decision)).status_code == 200
    done = await client.once("kit__change", CANARIES.planned, **{"swarmstead.dev/plan-id": plan})
    assert CANARIES.words in json.dumps(done)
    return plan


async def nothing_that_is_let_in(client: Client, server: Server) -> None:
    """Requests that are turned away, with secrets where clients put them."""
    bearer = {"authorization": f"Bearer {CANARIES.bearer}"}
    basic = server.address.replace("://", f"://{CANARIES.user}:{CANARIES.bearer}@")
    for path in ("/mcp", "/api/v1/runs", "/healthz"):
        await client.send("POST", f"{path}?access_token={CANARIES.query}", headers=bearer, content=CANARIES.body)
        await client.send("GET", f"{basic}{path}?q={CANARIES.query}")
    await client.send("POST", "/mcp", content=f'{{"{CANARIES.body}')
    await client.send(
        "POST", "/api/v1/apply", content=f"{CANARIES.body}: [", headers={"content-type": "application/yaml"}
    )
    spec = {"transport": "http", "url": f"http://{CANARIES.user}:{CANARIES.bearer}@127.0.0.1/?token={CANARIES.query}"}
    pasted = {"apiVersion": "swarmstead.dev/v1alpha1", "kind": "ToolServer", "metadata": {"name": "x"}, "spec": spec}
    refused = await client.send("POST", "/api/v1/apply", content=json.dumps(pasted))
    assert refused.status_code == 422


async def streamed(client: Client) -> str:
    """All events as a stream, until it has no more to tell."""
    told: list[str] = []
    async with client.stream("/api/v1/events?after=0") as answer:
        async for line in answer.aiter_lines():
            told.append(line)
            if line.startswith(": beat"):
                break
    return "\n".join(told)


async def sinks(client: Client, server: Server, data: Path) -> dict[str, str]:
    """Everything that the server writes down and shows, by where it does."""
    found = {"the log": server.said} | await asyncio.to_thread(tables, data / "stead.db") | files(data)
    for path in PAGES:
        answer = await client.send("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        found[path] = answer.text
    found["the stream of events"] = await streamed(client)
    return found


def everything_was_traced(collector: Collector) -> None:
    """Calls of every outcome, tools of both servers, and what was read; else there would be nothing to look through."""
    calls = collector.named("tool.call")
    outcomes = {"ok", "tool_error", "denied", "failed", "unknown", "asked"}
    assert {span.attributes["swarmstead.verdict"] for span in calls} == outcomes
    assert {span.attributes["swarmstead.server"] for span in calls} == {"kit", "prog"}
    assert len(collector.named("feature.read")) == 1
    assert {headers["x-token"] for _, headers in collector.requests} == {CANARIES.collector}


async def test_what_is_secret_comes_to_light_nowhere(kit: Leaky, collector: Collector, tmp_path: Path) -> None:
    with up(tmp_path, tmp_path / "data", env=ENVIRONMENT | {"STEAD_OTLP_ENDPOINT": collector.address}) as server:
        async with calling(server) as client:
            yaml_of = {"content": manifests(kit.url), "headers": {"content-type": "application/yaml"}}
            applied = await client.send("POST", "/api/v1/apply", **yaml_of)
            assert applied.status_code == 200, applied.text
            plan = await everything_that_happens(client)
            await nothing_that_is_let_in(client, server)
            heard = "\n".join(client.heard)
            found = await sinks(client, server, tmp_path / "data")
    found["the log"] = server.said
    found["the traces"] = "".join(body.decode("latin-1") for body in collector.bodies)
    everything_was_traced(collector)
    meant = {"table approvals": {"planned"}, PAGES[-3]: {"planned"}}
    assert plan in found["table approvals"]
    assert leaks(CANARIES, found, meant) == []
    assert server.key not in "".join(text for text in found.values()).replace(f"once): {server.key}", "")
    ours = CANARIES.found_in("\n".join(str(dict(one)) for one in kit.seen))
    assert ours == {"header"}, "the caller's own headers went upstream"
    assert CANARIES.found_in(heard) & {"header", "program"} == set(), "a tool server's secret went to the caller"
