"""How the MCP door writes: JSON, and server-sent events."""

from collections import deque

import msgspec

encode = msgspec.json.Encoder().encode
Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
EVENTS: list[Header] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
PING_S = 15.0
_MOST_WAITING, _MOST_BYTES = 1000, 1024 * 1024
PING = b": ping\r\n\r\n"


class Outbox:
    """What waits for a client to read it, oldest first. What finds no room any more is not kept: `put` says so.

    Who does not read is told less, not more slowly; and a tool server that has much to say cannot fill our memory.
    """

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, message: bytes) -> bool:
        """Whether there was room for it."""
        if len(self._waiting) >= _MOST_WAITING or self._bytes + len(message) > _MOST_BYTES:
            return False
        self._waiting.append(message)
        self._bytes += len(message)
        return True

    def take(self) -> bytes:
        """The oldest."""
        message = self._waiting.popleft()
        self._bytes -= len(message)
        return message


def event(message: bytes) -> bytes:
    """A message as a server-sent event."""
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
