"""How the MCP door writes: JSON, and server-sent events."""

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
PING = b": ping\r\n\r\n"


def event(message: bytes) -> bytes:
    """A message as a server-sent event."""
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
