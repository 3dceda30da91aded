"""The tool server of the soak: small and large answers, echoes, errors; HTTP/1.1 with connections that are kept."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

_TEXT = {"type": "string", "maxLength": 100_000}
_SCHEMA = {"type": "object", "properties": {"text": _TEXT}, "required": ["text"], "additionalProperties": False}
_LARGE = "x" * 65_536
TOOLS = ("small", "large", "echo", "fails")


def _answer(message: Mapping[str, Any]) -> dict[str, Any]:
    method = str(message["method"])
    if method not in {"initialize", "tools/list", "tools/call"}:
        return {"error": {"code": -32601, "message": "There is no such method."}}
    return {"result": _result(method, message.get("params", {}))}


def _result(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        about = {"name": "soak", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {
            "tools": [{"name": name, "inputSchema": _SCHEMA, "annotations": {"readOnlyHint": True}} for name in TOOLS]
        }
    name = params["name"]
    words = {"large": _LARGE, "echo": params["arguments"]["text"]}.get(name, "seen")
    return {"content": [{"type": "text", "text": words}], "isError": name == "fails"}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):  # at the end they are cut
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
            message: dict[str, Any] = json.loads(await reader.readexactly(length)) if length else {}
            if "id" not in message:
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                continue
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **_answer(message)}).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            writer.write(head + body)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def serving() -> AsyncGenerator[str]:
    """Serve on a free port of loopback; the address."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()
