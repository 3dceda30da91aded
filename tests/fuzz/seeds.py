"""Inputs that are well formed: where the search begins. `python -m tests.fuzz.seeds FOLDER` writes them, by target."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.odd_server import ASKS, RESULTS, TELLS

_META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "progressToken": "p",
}
_HEADERS = (
    b"content-type: application/json; charset=utf-8\nmcp-protocol-version: 2026-07-28\nmcp-method: tools/call\n"
    b"mcp-name: =?base64?a2l0X19yZWFk?=\nmcp-param-name: x\naccept: text/event-stream, application/json\n\n"
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+(?=x)$", "enum": ["x"]},
        "b": {"type": "array", "items": {"$ref": "#/$defs/d"}, "prefixItems": [{"type": "integer", "minimum": 0}]},
        "c": {"anyOf": [{"const": 1}, {"not": {"type": "null"}}], "x-mcp-header": "C"},
    },
    "required": ["a"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {"type": "number", "multipleOf": 0.1}},
    "$defs": {"d": {"type": ["object", "null"], "properties": {"e": {"$ref": "#"}}, "minProperties": 1}},
}
_TOOL = {"name": "t", "inputSchema": _SCHEMA, "outputSchema": _SCHEMA, "annotations": {"readOnlyHint": True}}
_MANIFEST = """apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: kit, labels: {a: b}, owner: ada}
spec: {transport: http, url: "http://127.0.0.1:1/mcp", headers: {A: "env:B"}, risk: {a: read}, limits: {timeout_s: 1.5}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: &m
  name: ann
spec:
  instructions: |
    Look.
  model: default
"""

FOUND: Sequence[tuple[str, str, bytes]] = (
    (
        "events",
        "byte-order-mark-in-pieces",
        b"\xef||\xbb\xbfid:Q 1\r|\ndt: a|\nda\xb9",
    ),
    (
        "request",
        "name-that-is-no-base64",
        (
            b"content-type: application/json; charset=utf-8\nmcp-protocol-v"
            b"ersion: 2026-07-28\nmcp-method: tools/call\nmcp-name: =?base64"
            b"?a2l0X19y\xa6\xa7Fk?=\nmcp-param-name: x\naccept: text/event-stream,"
            b' application/json\n\n{"jsonrpc": "2.0", "id": 1, "method": "to'
            b'ols/call", "params": {"name": "kit__read", "arguments": {"na'
            b'me": "x"}, "_meta": {"io.modelcontextprotocol/protocolVersio'
            b'n": "2026-07-28", "io.modelcontextprotocol/clientCapabilitie'
            b's": {}, "progressToken": "p"}, "notifications": {"toolsListC'
            b'hanged": true}}}'
        ),
    ),
)
"""What broke something once: target, what it is, and the input."""


def _of(*messages: Mapping[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in messages]


def seeds() -> Mapping[str, Sequence[bytes]]:
    """Inputs by the name of their target."""
    answers = [{"jsonrpc": "2.0", "id": 1, "result": one} for one in RESULTS.values()]
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "hush-hush", "data": {"a": [1]}}}
    asked: dict[str, Any] = {
        "name": "kit__read",
        "arguments": {"name": "x"},
        "_meta": _META,
        "notifications": {"toolsListChanged": True},
    }
    call: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    return {
        "request": [_HEADERS + one for one in _of(call, refusal, ASKS)],
        "message": _of(*answers, refusal, *TELLS),
        "events": [b"\xef\xbb\xbfid: 1\r|\ndata: {}\r\n\r|data: a|\ndata:b\n\nretry: 10\n: x\nevent: y\n\n"],
        "answer": [
            b"HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe|llo",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n|0\r\nt: 1\r\n\r\n",
            b"HTTP/1.0 204 No Content\r\nconnection: close\r\n\r\n",
        ],
        "schema": _of({**_TOOL, "given": {"a": "x", "b": [1, {"e": {}}], "x-1": 0.3}}),
        "manifest": [_MANIFEST.encode()],
    }


def main(folder: Path) -> None:
    """Write them."""
    for target, inputs in seeds().items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (folder / target / f"seed-{number}").write_bytes(data)
    for target, name, data in FOUND:
        (folder / target / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
