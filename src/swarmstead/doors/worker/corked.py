"""A connection's transport that sends the head of an answer along with the beginning of its body."""

import asyncio
from contextlib import suppress
from typing import Any, cast


class Turn:
    """The connections of an event loop that hold something until its turn ends."""

    def __init__(self) -> None:
        self._corked: list[Corked] = []

    def add(self, one: "Corked") -> None:
        """Have it let go at the end of this turn, if it still holds something."""
        if not self._corked:
            asyncio.get_running_loop().call_soon(self._end)
        self._corked.append(one)

    def _end(self) -> None:
        corked, self._corked = self._corked, []
        for one in corked:
            with suppress(RuntimeError):  # its client has gone: no reason to keep the others waiting
                one.uncork()


class Corked:
    """`transport`, but what is written first in a turn of the event loop waits for what is written next.

    uvicorn writes head and body one after the other, and each write is a system call that wakes the client. What is
    followed by nothing in its turn (the head of a stream that has no news yet) goes out at the end of that turn.

    Invariants: bytes go out in the order in which they were written, and before the connection is closed.
    Cost: one callback a turn, for one system call an answer less.
    """

    def __init__(self, transport: asyncio.Transport, turn: Turn) -> None:
        self._transport = transport
        self._turn = turn
        self._held = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send `data`: at once if something waits for it, else at the end of this turn at the latest."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        elif data:
            self._held = data
            self._turn.add(self)

    def get_write_buffer_size(self) -> int:
        """Bytes that the system has not taken yet."""
        self.uncork()
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Close the connection once all was sent."""
        self.uncork()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self.uncork()
        self._transport.set_protocol(protocol)

    def uncork(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def corked(transport: asyncio.Transport, turn: Turn) -> asyncio.Transport:
    """`transport`, corked."""
    return cast("asyncio.Transport", Corked(transport, turn))
