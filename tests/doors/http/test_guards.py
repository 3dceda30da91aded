"""What is refused before a route is reached, and how errors look."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from swarmstead.doors.http.app import make_api
from swarmstead.doors.http.guards import hosts_of
from tests.doors.http.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_another_host_name_is_refused(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/api/v1/runs", headers={"host": "rebound.example"})
    assert answer.status_code == 421
    assert answer.json()["code"] == "host_refused"


async def test_another_origin_is_refused(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/api/v1/runs", headers={"origin": "https://evil.example"})
        own = await client.get("/api/v1/runs", headers={"origin": served.address})
    assert answer.json()["code"] == "origin_refused"
    assert own.status_code == 200


async def test_hosts_follow_the_settings() -> None:
    assert "stead.example" in hosts_of("0.0.0.0", "https://stead.example")
    assert hosts_of("0.0.0.0", "") == ["*"]
    assert "10.0.0.7" in hosts_of("10.0.0.7", "")


async def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    large = b"x" * (served.app.settings.max_body_bytes + 1)
    async with served.client() as client:
        told = await client.post("/api/v1/apply", content=large)
        assert told.status_code == 413
        assert told.json()["code"] == "body_too_large"

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield large[:100_000]

        chunked = await client.post("/api/v1/apply", content=parts())
    assert chunked.status_code == 413


async def test_browsers_are_told_to_be_careful(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "shown"), [("/mcp", False), ("/mcp/any", False), ("/mcpx", True), ("/api/v1/runs", True)]
)
async def test_only_what_answers_programs_goes_without_the_headers_of_pages(
    served: Served, path: str, shown: bool
) -> None:
    async with served.client() as client:
        answer = await client.post(path, content=b"{")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("content-security-policy" in answer.headers) is shown


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/runs", 405), ("GET", "/mcp", 405), ("PUT", "/mcp/", 405)],
)
async def test_a_wrong_address_answers_as_a_problem(served: Served, method: str, path: str, status: int) -> None:
    async with served.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff\xfe", b"{}"], ids=["cut", "list", "text", "binary", "empty"]
)
async def test_a_body_that_is_not_understood_is_explained(served: Served, body: bytes) -> None:
    async with served.client() as client:
        answer = await client.post("/api/v1/runs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_input"


async def test_what_nobody_foresaw_tells_no_details(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("postgres://user:secret@host/db")

    monkeypatch.setattr(type(served.app.runs), "preview", broken)
    async with served.client() as client:
        answer = await client.post("/api/v1/runs:preview", json={"swarm": "repo-review"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert len(answer.json()["trace_id"]) == 32


async def test_health_and_readiness_tell_nothing_but_health(served: Served) -> None:
    async with served.client("") as nobody:
        ready = (await nobody.get("/readyz")).json()
        health = (await nobody.get("/healthz")).json()
        metrics = (await nobody.get("/metrics")).text
    assert ready["status"] == health["status"] == "ok"
    assert "2025-11-25" in health["protocol_versions"]
    assert "stead_runs" in metrics
    assert "default" not in metrics


async def test_the_fixed_surface_is_there() -> None:
    paths = make_api().openapi()["paths"]
    wanted = {
        "/api/v1/runs:preview": "post",
        "/api/v1/runs": "post",
        "/api/v1/runs/{run}": "get",
        "/api/v1/runs/{run}/events": "get",
        "/api/v1/runs/{run}/commands": "post",
        "/api/v1/approvals": "get",
        "/api/v1/approvals/{approval}:decide": "post",
        "/api/v1/agents": "get",
        "/api/v1/apply": "post",
        "/api/v1/audit": "get",
        "/api/v1/audit:verify": "post",
        "/readyz": "get",
        "/healthz": "get",
    }
    assert {path: method for path, method in wanted.items() if method not in paths.get(path, {})} == {}
    for methods in paths.values():
        for route in methods.values():
            assert "default" in route["responses"]


async def test_apply_says_where_a_manifest_is_wrong_and_keeps_nothing(served: Served) -> None:
    manifest = """apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: good-one}
spec: {instructions: Do it., model: scripted}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: bad-one}
spec:
  instructions: Do it.
  model: scripted
  max_turns: many
"""
    async with served.client() as client:
        answer = await client.post("/api/v1/apply", content=manifest)
        assert answer.status_code == 422
        problem = answer.json()
        assert problem["code"] == "manifest_refused"
        error = problem["errors"][0]
        assert (error["line"], error["field"]) == (12, "spec.max_turns")
        assert (await client.get("/api/v1/agents/good-one")).status_code == 404
        dry = await client.post("/api/v1/apply", params={"dry_run": True}, content=manifest.split("---", maxsplit=1)[0])
        assert dry.json()["items"][0]["action"] == "created"
        assert (await client.get("/api/v1/agents/good-one")).status_code == 404


async def test_a_slow_header_does_not_hold_the_server(served: Served) -> None:
    host, _, port = served.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    await writer.drain()
    async with served.client("") as nobody:
        assert (await nobody.get("/healthz")).status_code == 200
    async with asyncio.timeout(served.app.settings.header_timeout_s * 3 + 10):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_openapi_is_json() -> None:
    assert json.loads(json.dumps(make_api().openapi()))["info"]["title"] == "Swarmstead"


async def test_many_clients_at_once_are_all_answered(served: Served) -> None:
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(base_url=served.address, limits=limits, timeout=30) as client:
        headers = {"authorization": f"Bearer {served.key}"}
        answers = await asyncio.gather(*(client.get("/api/v1/runs", headers=headers) for _ in range(80)))
    assert {answer.status_code for answer in answers} == {200}


async def test_every_answer_is_counted(served: Served) -> None:
    async with served.client() as client:
        await client.get("/healthz")
        await client.request("PROPFIND", "/healthz")
        told = (await client.get("/metrics")).text
    counted = [line for line in told.splitlines() if line.startswith("stead_http_requests_total")]
    assert any('"GET"' in line and "2xx" in line for line in counted)
    assert any('"other"' in line for line in counted)
    assert not any("PROPFIND" in line for line in counted)


async def test_who_is_not_let_in_is_counted_by_why(served: Served) -> None:
    async def counts(client: httpx.AsyncClient) -> dict[str, float]:
        lines = (line for line in (await client.get("/metrics")).text.splitlines() if "credentials_refused" in line)
        found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.split('"')[1]: float(number) for name, number in found}

    async with served.client() as client, httpx.AsyncClient(base_url=served.address) as nobody:
        before = await counts(nobody)
        assert (await client.get("/api/v1/runs")).status_code == 200
        assert await counts(nobody) == before
        refused: tuple[dict[str, str], ...] = (
            {},
            {"authorization": "Bearer stead_wrong"},
            {"authorization": "Basic eDp5"},
        )
        for headers in refused:
            assert (await nobody.get("/api/v1/runs", headers=headers)).status_code == 401
            assert (await nobody.post("/mcp", headers=headers, json={})).status_code == 401
        after = await counts(nobody)
    more = {reason: number - before.get(reason, 0) for reason, number in after.items()}
    assert {reason: number for reason, number in more.items() if number} == {
        "credential_refused": 2,
        "not_signed_in": 4,
    }
