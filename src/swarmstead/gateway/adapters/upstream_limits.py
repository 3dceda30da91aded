"""How long and how much: the bounds on sessions with tool servers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bounds on upstream sessions; seconds, bytes and counts. A call's own time limit comes with the call."""

    start_timeout_s: float = 20.0
    """From the start of a program or connection to the end of MCP's handshake."""
    list_timeout_s: float = 10.0
    """All pages of `tools/list`, a start not included."""
    connect_timeout_s: float = 5.0
    """One TCP and TLS connection."""
    idle_s: float = 300.0
    """A session without a call for so long is ended, and its process with it."""
    stop_grace_s: float = 2.0
    """What a program gets to end by itself after its stdin was closed, and again after SIGTERM."""
    backoff_base_s: float = 0.5
    """Pause after the second failure in a row; it doubles with each further one. The first is tried again at once."""
    backoff_max_s: float = 30.0
    """The longest such pause."""
    max_message_bytes: int = 16 * 1024 * 1024
    """One message, either way."""
    max_sessions: int = 128
    """Sessions at once. Beyond, one that is not in use makes room, see `upstream_room`; else the call is refused."""
    max_sessions_per_tenant: int = 64
    """Of these, the most of one tenant."""
    max_sessions_per_identity: int = 32
    """Of these, the most of one key, person or agent in a tenant; shared sessions are nobody's."""
    max_connections_per_host: int = 20
    """HTTP connections to one host and port; further calls wait for one within their own time limit."""
    max_listening_per_host: int = 100
    """Further connections to one host and port, for what servers tell on their own."""
    max_aside: int = 100
    """Questions of one server, and courtesies to it, under way at once; what is more than that gets no answer."""
    max_told: int = 10_000
    """What a server may tell and ask before it answers; an answer that more came before is not waited for."""
    max_pages: int = 50
    """Pages of `tools/list`."""
    max_tools: int = 5_000
    """Tools of one server."""
