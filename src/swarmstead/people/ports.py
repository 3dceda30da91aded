"""What the people room needs from outside."""

from typing import Protocol


class Fetch(Protocol):
    """GETs a small document from an issuer: what its discovery and its key set are read with."""

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        """The body of a 200 answer. Redirects are not followed; 5 s to connect and 10 s in all.

        Fails: people.errors.IssuerAway for no answer, another status, or more than `max_bytes`.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...
