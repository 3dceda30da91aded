"""A door that is open, and what its clients do."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from swarmstead.kernel.scope import system_scope
from swarmstead.people import handlers as people
from swarmstead.people.contract import NewKey
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as permit_reads
from tests.rooms.runs.house import House

TENANT = system_scope("default", "ada")


class Door:
    """A door that is open, and clients with different keys."""

    def __init__(self, house: House, address: str, key: str) -> None:
        self.house = house
        self.address = address
        self.key = key
        self.welcome: types.InitializeResult | None = None

    @asynccontextmanager
    async def session(self, **callbacks: Any) -> AsyncGenerator[ClientSession]:
        """The SDK's client with the first key, after the handshake; `callbacks` answer what it is asked."""
        headers = {"authorization": f"Bearer {self.key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            streamable_http_client(self.address, http_client=http) as (read, write),
            ClientSession(read, write, **callbacks) as session,
        ):
            self.welcome = await session.initialize()
            yield session

    @asynccontextmanager
    async def modern(self, path: str = "", **callbacks: Any) -> AsyncGenerator[Client]:
        """The SDK's client in the era without sessions; `callbacks` answer what it is asked."""
        headers = {"authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            way = streamable_http_client(self.address + path, http_client=http)
            async with Client(way, mode="2026-07-28", **callbacks) as client:
                yield client

    async def post(self, message: Any, *, path: str = "", key: str = "", **headers: str) -> httpx2.Response:
        """One POST, as somebody without an SDK sends it; `_` in names of headers stands for `-`."""
        sent = {"authorization": f"Bearer {key or self.key}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        async with httpx2.AsyncClient(timeout=30) as http:
            return await http.post(self.address + path, content=content, headers=sent)

    async def get(self, path: str = "/mcp", **headers: str) -> httpx2.Response:
        """One GET of something that ends."""
        sent = {"authorization": f"Bearer {self.key}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        async with httpx2.AsyncClient(timeout=30) as http:
            return await http.get(self.address.removesuffix("/mcp") + path, headers=sent)

    async def delete(self, session: str, key: str = "", **headers: str) -> httpx2.Response:
        """End a session."""
        sent = {"authorization": f"Bearer {key or self.key}", "mcp-session-id": session}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx2.AsyncClient(timeout=30) as http:
            return await http.delete(self.address, headers=sent)

    async def new_key(self, *roles: str) -> str:
        """A key with these roles."""
        return (await self.made_key(*roles)).secret

    async def made_key(self, *roles: str, life_s: int | None = None) -> NewKey:
        """A key with these roles, that ends after so many seconds, or never."""
        house = self.house
        return await house.write(lambda tx: people.create_key(tx, TENANT, house.clock, "test", roles, life_s))

    async def decide(self, plan: str, decision: str = "approve", reason: str = "") -> None:
        """A person's answer, out of band."""
        house = self.house
        asked = await house.read(lambda conn: permit_reads.get(conn, TENANT, plan))
        await house.write(
            lambda tx: permits.decide(
                tx, TENANT, house.clock, plan, "approve" if decision == "approve" else "deny", reason, asked.hash
            )
        )


def words(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
