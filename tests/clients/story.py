"""What a client made with the official SDK does at the MCP door: `python story.py ADDRESS KEY`, with any version of it.

It prints what it was told as JSON, in the words of the protocol, which are the same whatever the SDK calls them.
"""

import asyncio
import importlib
import importlib.metadata
import json
import sys
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

sdk: Any = importlib.import_module("mcp")
transport: Any = importlib.import_module("mcp.client.streamable_http")
version = importlib.metadata.version("mcp")
http: Any = importlib.import_module("httpx" if version.startswith("1.") else "httpx2")


@asynccontextmanager
async def connected(address: str, key: str, **more: Any) -> AsyncGenerator[Any]:
    """A session, before the handshake."""
    headers = {"authorization": f"Bearer {key}"}
    async with (
        http.AsyncClient(headers=headers, timeout=30) as client,
        transport.streamable_http_client(address, http_client=client) as streams,
        sdk.ClientSession(streams[0], streams[1], **more) as session,
    ):
        yield session


def wire(result: Any) -> Any:
    """A result in the protocol's words, without what is nothing, or what the later SDK adds by itself."""
    return result.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"result_type"})


async def refused(call: Awaitable[Any]) -> int:
    """The code of the error that a request ends with."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 - its class is another in each version
        return int(getattr(error, "error").code)  # noqa: B009 - Exception has no such attribute
    return 0


async def story(address: str, key: str) -> dict[str, Any]:
    """All of it, in order."""
    told: list[Any] = []
    logged: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append([done, total, message])

    async def log(params: Any) -> None:
        logged.append(wire(params))

    async with connected(address, key, logging_callback=log) as session:
        welcome = wire(await session.initialize())
        await session.send_ping()
        await session.set_logging_level("info")
        tools = wire(await session.list_tools())["tools"]
        found: dict[str, Any] = {
            "protocol": welcome["protocolVersion"],
            "capabilities": sorted(welcome["capabilities"]),
            "tools": sorted(tool["name"] for tool in tools),
            "text": wire(await session.call_tool("test_simple_text", {})),
            "several kinds": [
                one["type"] for one in wire(await session.call_tool("test_multiple_content_types", {}))["content"]
            ],
            "error": wire(await session.call_tool("test_error_handling", {}))["isError"],
            "unknown": await refused(session.call_tool("no_such_tool", {})),
        }
        await session.call_tool("test_tool_with_progress", {}, progress_callback=progress)
        await session.call_tool("test_tool_with_logging", {})
        resources = wire(await session.list_resources())["resources"]
        prompts = wire(await session.list_prompts())["prompts"]
        found |= {
            "resources": sorted(one["uri"] for one in resources),
            "resource": wire(await session.read_resource("test://static-text"))["contents"],
            "prompts": sorted(one["name"] for one in prompts),
            "prompt": wire(await session.get_prompt("test_simple_prompt"))["messages"],
            "no resource": await refused(session.read_resource("test://none")),
        }
    return found | {"progress": told, "log": [one.get("level") for one in logged]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"sdk": version} | asyncio.run(story(sys.argv[1], sys.argv[2]))))
