"""A tool server made with the official SDK: the other side of the wire as others implement it.

Run as a program it speaks stdio; `serving` puts it behind a real HTTP server on a free port of this machine.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer


def make_server() -> MCPServer:
    server = MCPServer("oracle")
    never = asyncio.Event()

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def key(ctx: Context[Any]) -> str:
        """The idempotency key that came with the call."""
        meta: dict[str, Any] = dict(ctx.request_context.meta or {})
        return str(meta.get("swarmstead.dev/idempotency-key"))

    @server.tool(structured_output=False)
    def picture() -> list[Any]:
        """Text and an image."""
        return ["caption", Image(data=b"\x89PNG", format="png")]

    @server.tool()
    def fail() -> str:
        """Fail."""
        raise ValueError("no such host")

    @server.tool()
    async def hang() -> str:
        """Never answer."""
        await never.wait()
        return ""

    return server


@asynccontextmanager
async def serving(*, json_response: bool = False, stateless: bool = False) -> AsyncGenerator[str]:
    """The address of a running server."""
    app = make_server().streamable_http_app(json_response=json_response, stateless_http=stateless)
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # named, or asyncio leaves Nagle's algorithm on
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on a connection waits instead of being refused
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await task


if __name__ == "__main__":
    make_server().run()
