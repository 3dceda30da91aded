"""Who sends a body is found out before it is read, and what it holds is bounded before it is parsed."""

import asyncio
import inspect
import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_type_hints

import pytest
from fastapi import Request
from fastapi.params import Depends
from fastapi.routing import APIRoute

from swarmstead.doors.http import routes
from swarmstead.doors.http.bodies import MOST_OF_A_STRANGER, MOST_VALUES
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import launch
from tests.doors.http.test_tenancy import OPEN, ROUTES

pytestmark = pytest.mark.asyncio(loop_scope="session")
_AS_JSON = {"content-type": "application/json"}


def _posts(*, open_: bool) -> list[str]:
    return [path for (method, path), sent in ROUTES.items() if method == "POST" and (sent == OPEN) is open_]


async def test_nobody_who_is_unknown_has_a_body_parsed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def parse(_: Any) -> Any:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(Request, "json", parse)
    async with served.client("") as nobody:
        for path in _posts(open_=False):
            answer = await nobody.post(path, content=b"{", headers=_AS_JSON)
            assert answer.status_code == 401, (path, answer.text)


async def test_nobody_who_is_unknown_has_a_body_read(served: Served) -> None:
    """The answer comes although the body never does."""
    host, _, port = served.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/runs:preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 4000000\r\n\r\n{{".encode())
    async with asyncio.timeout(served.app.settings.read_timeout_s / 2):
        assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


async def test_a_stranger_sends_little(served: Served) -> None:
    async with served.client("") as nobody:
        for path in _posts(open_=True):
            answer = await nobody.post(path, json={"key": "x" * MOST_OF_A_STRANGER})
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large"), path
            assert answer.json()["way_out"]


async def test_no_more_of_a_stranger_is_taken_in_than_may_be_sent(served: Served) -> None:
    """The refusal comes although the rest of the body never does."""
    host, _, port = served.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/session:sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 4000000\r\n\r\n".encode() + b"x" * (MOST_OF_A_STRANGER + 1))
    async with asyncio.timeout(served.app.settings.read_timeout_s / 2):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("value", ["[],", "1,", '{"a":1},'], ids=["lists", "numbers", "objects"])
async def test_a_body_that_holds_too_many_values_is_refused_unparsed(served: Served, value: str) -> None:
    body = '{"swarm":"repo-review","input":{"a":[' + value * MOST_VALUES + "1]}}"
    async with served.client() as client:
        answer = await client.post("/api/v1/runs:preview", content=body, headers=_AS_JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "values" in answer.json()["detail"]


async def test_a_large_body_is_parsed_off_the_event_loop(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, loops = json.loads, list[bool]()

    def noted(text: Any, *more: Any, **options: Any) -> Any:
        loops.append(_on_a_loop())
        return loads(text, *more, **options)

    monkeypatch.setattr("swarmstead.doors.http.bodies.json.loads", noted)
    body = json.dumps({"swarm": "repo-review", "input": {"repo": "x" * 200_000}})
    async with served.client() as client:
        answer = await client.post("/api/v1/runs:preview", content=body, headers=_AS_JSON)
        broken = await client.post("/api/v1/runs:preview", content=body[:-1], headers=_AS_JSON)
    monkeypatch.undo()
    assert answer.status_code == 422
    assert "not JSON" not in answer.json()["detail"]
    assert "not JSON" in broken.json()["detail"]
    assert loops[:2] == [False, False]


_HALVES = {
    "a value": (rb'{"swarm":"s","input":{"q":["ok",{"deep":"x\ud800"}]}}', "input.q.1.deep"),
    "the first of two": (rb'{"swarm":"s","input":{"a":"\udfff","b":"\ud800"}}', "input.a"),
    "a name": (rb'{"swarm":"s","input":{"\uDBFF":1}}', "input"),
    "a name of a field": (rb'{"swarm":"s","\ud800":1}', ""),
    "the wrong way round": (rb'{"swarm":"s","input":{"q":"\udc00\ud800"}}', "input.q"),
    "an override": (rb'{"swarm":"s","overrides":{"models":{"a":"\ud800"}}}', "overrides.models.a"),
    "bytes": (b'{"swarm":"s","input":{"q":"\xed\xa0\x80"}}', "input.q"),
    "utf-16": ('{"swarm":"s","input":{"q":"\ud800"}}'.encode("utf-16-le", "surrogatepass"), "input.q"),
    "after much": (b'{"swarm":"s","input":{"a":"' + b"x" * 100_000 + rb'","q":"\ud800"}}', "input.q"),
}


@pytest.mark.parametrize(("body", "field"), _HALVES.values(), ids=_HALVES)
@pytest.mark.parametrize("path", ["/api/v1/runs:preview", "/api/v1/runs"])
async def test_half_a_surrogate_pair_is_refused_and_its_field_named(
    served: Served, path: str, body: bytes, field: str
) -> None:
    async with served.client() as client:
        answer = await client.post(path, content=body, headers=_AS_JSON)
    said = answer.json()
    assert (answer.status_code, said["code"], said.get("field", "")) == (422, "bad_input", field), answer.text
    assert "half a surrogate pair" in said["detail"]
    assert said["way_out"]


@pytest.mark.parametrize("body", [rb'{"x":"\ud800"}', rb'{"\ud800":"x"}'], ids=["value", "name"])
async def test_no_route_takes_half_a_surrogate_pair_in(served: Served, body: bytes) -> None:
    for path in [*_posts(open_=False), *_posts(open_=True)]:
        async with served.client() as client:
            answer = await client.post(path, content=body, headers=_AS_JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_input"), (path, answer.text)
        assert "half a surrogate pair" in answer.json()["detail"], path


async def test_a_whole_pair_is_a_character_like_any_other(served: Served) -> None:
    body = rb'{"kind":"cancel","reason":"\ud83d\ude00"}'
    async with served.client() as client:
        run = await launch(client, served)
        answer = await client.post(f"/api/v1/runs/{run['id']}/commands", content=body, headers=_AS_JSON)
    assert answer.status_code == 202, answer.text


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def test_no_route_and_none_of_its_dependencies_goes_through_a_thread() -> None:
    """FastAPI calls what is no coroutine in a thread of a pool: a hop for nothing, on every request."""
    modules = [import_module(f"{routes.__name__}.{one.name}") for one in iter_modules(routes.__path__)]
    endpoints = [one.endpoint for module in modules for one in module.router.routes if isinstance(one, APIRoute)]
    hints = [hint for one in endpoints for hint in get_type_hints(one, include_extras=True).values()]
    marks = [mark for hint in hints for mark in getattr(hint, "__metadata__", ())]
    called = {*endpoints, *(mark.dependency for mark in marks if isinstance(mark, Depends))}
    assert len(endpoints) > 20
    assert len(called) > len(endpoints)
    assert [one for one in called if not inspect.iscoroutinefunction(one)] == []
