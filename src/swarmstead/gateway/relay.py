"""The way back to a client that waits: what it is told and asked meanwhile. Doors and runs give one with a call."""

from collections.abc import Mapping
from typing import Any, Protocol


class Relay(Protocol):
    """The way back to a client while it waits for an answer."""

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do (MCP `ClientCapabilities`)."""
        ...

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on what the server tells meanwhile: progress, log lines."""
        ...

    def hang_up(self) -> None:
        """The server has let go of the connection and will go on later: the client may be let go as well."""
        ...

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client for what the server needs: input of its person, a sample of its model, its roots.

        Fails: RelayRefused when it cannot be asked, or refuses.
        """
        ...
