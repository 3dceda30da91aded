"""Bounds on connections and answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Seconds, bytes and counts."""

    connect_timeout_s: float = 5.0
    """From the look-up of the name to a connection that is ready, TLS included."""
    total_timeout_s: float = 10.0
    """A whole `fetch`, redirects included. Calls of tools bring their own time limit."""
    keep_alive_s: float = 4.0
    """An idle connection is closed after that. Servers drop them after 5 s or more (uvicorn and Node: 5 s); one that is
    dropped just as we write to it costs a call whose outcome nobody knows, so we let go first."""
    max_age_s: float = 300.0
    """A connection that old serves no further request: the name is looked up, and checked, again."""
    max_per_host: int = 20
    """Connections to one scheme, host and port; further requests wait for one, within their own time limit."""
    max_head_bytes: int = 32_768
    """Status line and headers of an answer, interim answers (1xx) included."""
    max_headers: int = 100
    """Headers of an answer."""
    max_interim: int = 8
    """Interim answers (1xx) before the real one."""
    whole_bytes: int = 262_144
    """An answer that says that it is no longer than this is handed over in one piece."""
    buffer_bytes: int = 65_536
    """Unread bytes of an answer at which we stop reading from the network."""
