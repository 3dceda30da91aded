"""Requests that are almost right: what `hypothesis` draws for the MCP door.

Each begins as one that the door answers. Then values are exchanged, taken away and added, the text is spoilt, and
headers are made to say something else.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st

from tests.oddities import ANYTHING, VERSIONS, change

_META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "roots": {}},
    "io.modelcontextprotocol/logLevel": "debug",
    "progressToken": "p1",
}
_CALL: dict[str, Any] = {"name": "kit__read", "arguments": {"name": "x"}}
_REF = {"type": "ref/resource", "uri": "notes://open/{id}"}
_BOTH: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/call", _CALL),
    ("tools/call", {"name": "kit__append", "arguments": {"line": "x"}}),
    ("tools/call", {"name": "search_tools", "arguments": {"query": "read", "limit": 3}}),
    ("tools/call", {"name": "describe_tools", "arguments": {"names": ["kit__read"]}}),
    ("tools/call", {**_CALL, "inputResponses": {"a": {}}, "requestState": "s"}),
    ("tools/list", {"cursor": "1"}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "notes://open/1"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "kit__summary", "arguments": {"a": "b"}}),
    ("completion/complete", {"ref": _REF, "argument": {"name": "id", "value": "1"}, "context": {"arguments": {}}}),
)
_MODERN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("server/discover", {}),
    (
        "subscriptions/listen",
        {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["notes://open/1"]}},
    ),
)
_SESSIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}, "clientInfo": {"name": "x"}}),
    ("ping", {}),
    ("logging/setLevel", {"level": "info"}),
    ("resources/subscribe", {"uri": "notes://open/1"}),
    ("resources/unsubscribe", {"uri": "notes://open/1"}),
    ("notifications/cancelled", {"requestId": 7, "reason": "no more"}),
)
_most_often = st.integers(0, 9).map(lambda drawn: drawn < 7)


@dataclass(frozen=True)
class Case:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@st.composite
def _messages(draw: st.DrawFn, *, modern: bool) -> dict[str, Any]:
    """A message of an era, with up to three things changed."""
    method, params = draw(st.sampled_from([*_BOTH, *(_MODERN if modern else _SESSIONS)]))
    params = copy.deepcopy(params)
    if modern or draw(st.booleans()):
        params["_meta"] = copy.deepcopy(_META)
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    for _ in range(draw(st.integers(0, 3))):
        change(draw, message)
    return message


@st.composite
def _spoilt(draw: st.DrawFn, message: dict[str, Any]) -> bytes:
    """The text of a message, most often as it should be."""
    body = json.dumps(message).encode()
    if draw(_most_often):
        return body
    spoil = draw(st.sampled_from(_SPOILING))
    return spoil(draw, message, body)


def _cut(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    return body[: draw(st.integers(0, len(body)))]


def _batch(draw: st.DrawFn, message: dict[str, Any], _body: bytes) -> bytes:
    return json.dumps([message] * draw(st.integers(0, 3))).encode()


def _deep(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    depth = draw(st.sampled_from([30, 200, 900, 5000, 100_000]))
    start, end = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
    return _with(body, b'"params": {"arguments": ' + start * depth + b"1" + end * depth + b"}")


def _twice(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    field = draw(st.sampled_from(["method", "id", "params", "jsonrpc"]))
    return _with(body, f"{json.dumps(field)}: {json.dumps(draw(ANYTHING))}".encode())


def _number(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    number = draw(st.sampled_from([b"1" * 400, b"-1e99999", b"1e-99999", b"NaN", b"0" * 50, b"1" * 100_000]))
    return _with(body, draw(st.sampled_from([b'"id": %b', b'"params": {"x": %b}'])) % number)


def _encoding(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    return body.decode().encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "cp037"])))


def _bytes(draw: st.DrawFn, _message: dict[str, Any], body: bytes) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.binary(max_size=4)) + body[place + draw(st.integers(0, 3)) :]


_SPOILING = (_cut, _batch, _deep, _twice, _number, _encoding, _bytes)


def _with(body: bytes, member: bytes) -> bytes:
    """An object's text with one more member."""
    return body[:-1] + (b", " if len(body) > len("{}") else b"") + member + b"}"


@st.composite
def cases(draw: st.DrawFn, session: str) -> Case:
    """A request of either era, with headers that say the same as its body, or do not."""
    modern = draw(st.booleans())
    message = draw(_messages(modern=modern))
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    if modern:
        headers |= _agreeing(message)
    elif draw(st.booleans()):
        headers["mcp-session-id"] = session
    if not draw(_most_often):
        headers |= draw(_headers)
    method, path = "POST", ""
    if draw(st.integers(0, 19)) == 0:
        method = draw(st.sampled_from(["GET", "DELETE", "PUT", "OPTIONS"]))
    if draw(st.integers(0, 19)) == 0:
        path = draw(st.sampled_from(["/", "/none", "/" + "x" * 2000, "/%00", "/%2e%2e/api/v1/runs", "/ö"]))
    return Case(method, path, headers, draw(_spoilt(message)))


def _agreeing(message: Mapping[str, Any]) -> dict[str, str]:
    given: Any = message.get("params")
    params = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    said = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": message.get("method"),
        "mcp-name": next((params[name] for name in ("name", "uri") if name in params), None),
    }
    return {key: value for key, value in said.items() if isinstance(value, str) and _fits(value)}


def _fits(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) < 8000


_garbled = ["=?base64?!!?=", "=?base64?/w==?=", "ÿ", "kit__read, kit__append", "a" * 4000]
_headers = st.sampled_from(
    [
        (name, value)
        for name, values in {
            "content-type": [
                *("text/plain", "application/json; charset=utf-16", "application/json;charset=UTF-8", ""),
                *("multipart/form-data", 'application/json; charset="utf-8"', "application/jsonx"),
            ],
            "content-encoding": ["gzip", "identity", "br"],
            "accept": ["", "text/event-stream", "text/event-stream, application/json", "image/png", "*/*"],
            "mcp-protocol-version": list(VERSIONS),
            "mcp-session-id": ["", "nonsense", "a" * 5000, "mfrgg==="],
            "last-event-id": ["1-0", "99999999999999999999-1", "-", "0-9" * 30, "٣-٣"],
            "mcp-method": _garbled,
            "mcp-name": _garbled,
            "mcp-param-name": _garbled,
            "origin": ["null", "http://[", "http://evil.example.com", "file://"],
        }.items()
        for value in values
    ]
).map(lambda pair: dict([pair]))
