"""A whole document by its URL, for who needs no stream: discovery documents, key sets, webhooks.

Redirects are followed only here, only as often as asked for, and each hop is checked like the first request: parsed,
looked up, held against the egress rules. Nothing of ours goes to another origin, and never from https to http.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.errors import BadRequest, Broken, Refused
from swarmstead.gateway.adapters.http.request import request_head
from swarmstead.gateway.targets import BadTarget, Target, parse_target

_MOVED = frozenset({301, 302, 303, 307, 308})
_AS_GET = frozenset({301, 302, 303})
_TO_OTHERS = frozenset({"accept", "user-agent"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer with its whole body, and the address that gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class _Hop:
    target: Target
    method: str
    headers: Mapping[str, str]
    body: bytes


async def fetch(
    client: HttpClient,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    max_bytes: int = 1_048_576,
    max_redirects: int = 0,
    timeout_s: float | None = None,
) -> Fetched:
    """Ask, and read the answer to its end, all within `timeout_s` (the client's total limit if not given).

    Without redirects asked for, one is an answer like any other. Fails: BadRequest, Refused, NotConnected, Broken,
    TooLong.
    """
    hop = _Hop(_target(url, "its address is not a valid http or https address"), method, dict(headers or {}), body)
    try:
        async with asyncio.timeout(client.limits.total_timeout_s if timeout_s is None else timeout_s):
            for left in range(max_redirects, -1, -1):
                found = await _one(client, hop, max_bytes)
                if found.status not in _MOVED or not found.headers.get("location") or not max_redirects:
                    return found
                if left:
                    hop = _next(hop, found)
    except TimeoutError as error:
        raise Broken("no answer in time") from error
    raise Broken(f"it redirects more than {max_redirects} times")


async def _one(client: HttpClient, hop: _Hop, max_bytes: int) -> Fetched:
    response = await client.send(request_head(hop.target, hop.method, hop.headers), hop.body)
    try:
        body = await response.read(max_bytes)
    except BaseException:
        response.close()
        raise
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers.items()}
    return Fetched(response.status, headers, body, hop.target.url)


def _next(hop: _Hop, found: Fetched) -> _Hop:
    location = found.headers["location"]
    try:
        joined = urljoin(found.url, location)
    except ValueError:
        joined = ""
    target = _target(joined.partition("#")[0], "it redirects to what is not a valid http or https address")
    if hop.target.scheme == "https" and target.scheme == "http":
        raise Refused("it redirects from https to http (egress rule: downgrade)")
    method, headers, body = hop.method, hop.headers, hop.body
    if found.status in _AS_GET and method != "GET":
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if target.origin != hop.target.origin:
        if method != "GET":
            raise Refused("it redirects a request with a body to another host (egress rule: redirect)")
        headers = {name: value for name, value in headers.items() if name.lower() in _TO_OTHERS}
    return _Hop(target, method, headers, body)


def _target(url: str, problem: str) -> Target:
    try:
        return parse_target(url)
    except BadTarget as error:
        raise BadRequest(f"{problem}: {error.problem}") from error
