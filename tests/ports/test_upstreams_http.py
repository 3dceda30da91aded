"""Sessions over Streamable HTTP with a server that misbehaves on demand."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.errors import UpstreamFailed, UpstreamUnknown
from tests.fakes import mcp_http_server
from tests.fakes.mcp_upstreams import HERE, SOON_S, Clock, call, http, opened, structured


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstreams(clock: Clock) -> AsyncGenerator[Upstreams]:
    async with opened(clock) as made:
        yield made


@pytest.fixture
async def web(upstreams: Upstreams) -> AsyncGenerator[mcp_http_server.FakeHttpServer]:
    async with mcp_http_server.serving() as server:
        yield server
        await upstreams.aclose()


async def test_a_session_is_kept_and_given_back(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_TOKEN", "t0ken")
    headers = {"Authorization": "env:WEB_TOKEN", "X-Team": "shop", "mcp-session-id": "mine", "Accept": "text/plain"}
    for _ in range(3):
        await call(upstreams, http(web.url, headers), "echo")
    assert web.started == 1
    assert [one["method"] for one in web.seen][:2] == ["initialize", "notifications/initialized"]
    first, *later = web.headers
    assert "mcp-session-id" not in first
    assert "mcp-protocol-version" not in first
    for one in later:
        assert one["mcp-session-id"] == "session-1"
        assert one["mcp-protocol-version"] == "2025-11-25"
        assert (one["authorization"], one["x-team"]) == ("t0ken", "shop")
        assert one["accept"] == "application/json, text/event-stream"
        assert "cookie" not in one
    await upstreams.aclose()
    assert web.deleted == ["session-1"]


async def test_connections_are_used_again_after_json_and_after_streams(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer
) -> None:
    for _ in range(5):
        await call(upstreams, http(web.url), "echo")
    assert len(web.connections) == 1
    for _ in range(5):
        assert (await structured(upstreams, http(web.url), "stream")) == {"ok": True}
    assert len(web.connections) <= 2


@pytest.mark.parametrize("says_so_in_json_rpc", [False, True])
async def test_a_forgotten_session_is_renewed_once_and_the_call_runs_once(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, *, says_so_in_json_rpc: bool
) -> None:
    web.says_gone_in_json_rpc = says_so_in_json_rpc  # as the official SDK's server does
    await call(upstreams, http(web.url), "echo")
    web.live.clear()
    await asyncio.gather(*(call(upstreams, http(web.url), "echo") for _ in range(10)))
    assert web.started == 2
    assert web.calls == 11


async def test_credentials_are_looked_up_afresh_when_they_no_longer_serve(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text("old")
    server = http(web.url, {"Authorization": f"file:{secret}"})
    web.token = "old"
    await call(upstreams, server, "echo")
    web.token = "new"
    secret.write_text("new")
    await call(upstreams, server, "echo")
    assert (web.started, web.calls) == (2, 2)
    web.token = "other"
    with pytest.raises(UpstreamFailed, match="it answered HTTP 401"):
        await call(upstreams, server, "echo")
    assert web.calls == 2


async def test_nobody_there_means_nothing_happened(upstreams: Upstreams, clock: Clock) -> None:
    for url, words in [
        ("http://127.0.0.1:9/mcp?token=abc", "no connection to 127.0.0.1:9"),
        ("nonsense", "not a valid http or https address"),
        ("http://127.0.0.1:9\x00/", "not a valid http or https address|no connection|the connection failed"),
    ]:
        for _ in range(2):
            with pytest.raises(UpstreamFailed, match=words) as failed:
                await call(upstreams, http(url), "echo")
            assert "abc" not in failed.value.message
    clock.now += 60


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 413, 415, 429, 307, 308])
async def test_a_status_that_turns_the_call_away_means_nothing_happened(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, status: int
) -> None:
    words = "a redirect" if status < 400 else f"it answered HTTP {status}"
    with pytest.raises(UpstreamFailed, match=words):
        await call(upstreams, http(web.url), "status", {"status": status})
    over = status in {401, 403, 404}
    assert (web.calls, web.started) == ((2, 2) if over else (1, 1))
    await call(upstreams, http(web.url), "echo")
    assert web.started == (3 if over else 1)


@pytest.mark.parametrize("status", [202, 302, 303, 408, 409, 410, 422, 424, 499, 500, 502, 503, 504])
async def test_any_other_status_leaves_the_outcome_unknown(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, status: int
) -> None:
    with pytest.raises(UpstreamUnknown, match=f"HTTP {status}"):
        await call(upstreams, http(web.url), "status", {"status": status})
    assert web.calls == 1


async def test_json_rpc_errors_are_read_whatever_the_status(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer
) -> None:
    for status in [200, 400]:
        with pytest.raises(UpstreamFailed, match=r"it refused: bad news \(code -32602\)"):
            await call(upstreams, http(web.url), "refuse", {"code": -32602, "status": status})
    for status in [200, 500]:
        with pytest.raises(UpstreamUnknown, match=r"it refused: bad news \(code -32603\)"):
            await call(upstreams, http(web.url), "refuse", {"code": -32603, "status": status})


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("drop", {}, "it closed the connection"),
        ("html", {}, "it answered with 'text/html', which is not MCP"),
        ("garbage", {}, "something that is not JSON-RPC"),
        ("huge", {"size": 2_000_000, "type": "application/json"}, "more than 1000000 bytes"),
        ("huge", {"size": 2_000_000, "type": "text/event-stream"}, "more than 1000000 bytes"),
        ("short", {}, "it ended its answer without the result"),
        ("break", {}, "its answer broke off|it closed the connection"),
    ],
)
async def test_without_a_usable_answer_the_outcome_is_unknown(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer, tool: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(UpstreamUnknown, match=words):
        await call(upstreams, http(web.url), tool, arguments)
    assert web.calls == 1
    assert (await structured(upstreams, http(web.url), "echo"))["name"] == "echo"


async def test_out_of_time_over_http_is_unknown_and_the_server_is_told(
    upstreams: Upstreams, web: mcp_http_server.FakeHttpServer
) -> None:
    await call(upstreams, http(web.url), "echo")
    with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s"):
        await call(upstreams, http(web.url), "hang", timeout_s=SOON_S)
    await web.cancelled.wait()
    (asked,) = [one["id"] for one in web.seen if one.get("params", {}).get("name") == "hang"]
    (told,) = [one["params"]["requestId"] for one in web.seen if one["method"] == "notifications/cancelled"]
    assert told == asked


async def test_a_call_that_waits_for_a_connection_was_never_sent() -> None:
    upstreams = Upstreams(UpstreamLimits(max_connections_per_host=1), egress=HERE)
    async with asyncio.timeout(30), mcp_http_server.serving() as server:
        await call(upstreams, http(server.url), "echo")
        outcomes = await asyncio.gather(
            *(call(upstreams, http(server.url), "hang", timeout_s=SOON_S) for _ in range(2)), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in outcomes) == ["UpstreamFailed", "UpstreamUnknown"]
        server.cancelled.set()
        await upstreams.aclose()
