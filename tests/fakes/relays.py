"""A client that waits for an answer: it keeps what it is told, and answers what it is asked."""

import asyncio
from collections.abc import Mapping
from typing import Any

from swarmstead.gateway.errors import RelayRefused

CAN: Mapping[str, Any] = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}


class FakeRelay:
    """Satisfies `gateway.contract.Relay`. What has no entry in `answers` is refused."""

    def __init__(self, answers: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.hung_up = 0
        self._stir = asyncio.Event()

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return CAN

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.told.append((method, params))
        self._stir.set()

    def hang_up(self) -> None:
        self.hung_up += 1

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(method)
        if method not in self.answers:
            raise RelayRefused("The client says no.")
        return self.answers[method]

    async def until_told(self, method: str) -> Mapping[str, Any]:
        """The params of the first notification of this kind, once it is there."""
        async with asyncio.timeout(20):
            while True:
                for name, params in self.told:
                    if name == method:
                        return params
                self._stir.clear()
                await self._stir.wait()
