"""Who gives way when sessions with tool servers are many: so many of a process, of a tenant, of one identity in it.

    who is at the limit          whose sessions may make room for one more
    the identity                 its own
    the tenant                   its own, of whichever identity
    the process                  those of its tenant; then those of a tenant that holds more than this one does

What is idle gives way before what only listens, that of the largest holder first, and of that what was used longest
ago. What only listens gives way to a call, of an identity that holds more than the one that calls, or of that itself;
never to another one that listens: two that push each other out would do so for ever. A session with a call in flight
never gives way.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstream_line import Line
from swarmstead.gateway.errors import NoSession

_AGAIN_S = 5.0
Who = Callable[[Line], tuple[str, str]]


def giving_way(wanting: Line, lines: Iterable[Line], limits: UpstreamLimits) -> Line | None:
    """The line whose session has to end so that `wanting` can have one; None where there is room. Fails: NoSession."""
    held = [line for line in lines if line is not wanting and line.held]
    if len(held) < min(limits.max_sessions, limits.max_sessions_per_tenant, limits.max_sessions_per_identity):
        return None
    of_tenant = [line for line in held if line.server.tenant == wanting.server.tenant]
    own = [line for line in of_tenant if _identity(line) == _identity(wanting)]
    if wanting.server.identity and len(own) >= limits.max_sessions_per_identity:
        return _longest_unused(wanting, own, _identity) or _refuse(
            f"This key, person or agent has {len(own)} sessions with tool servers, and all are in use.",
            "End MCP sessions that are not needed, or raise STEAD_SERVER_SESSIONS_PER_IDENTITY.",
        )
    if len(of_tenant) >= limits.max_sessions_per_tenant:
        return _longest_unused(wanting, of_tenant, _identity) or _refuse(
            f"This tenant has {len(of_tenant)} sessions with tool servers, and all are in use.",
            "End MCP sessions that are not needed, share them (`sessions: tenant` in a ToolServer), or raise "
            "STEAD_SERVER_SESSIONS_PER_TENANT.",
        )
    if len(held) < limits.max_sessions:
        return None
    larger = _of_larger_tenants(held, len(of_tenant))
    return (
        _longest_unused(wanting, of_tenant, _identity)
        or _longest_unused(wanting, larger, _tenant)
        or _refuse(
            f"All {len(held)} sessions with tool servers are in use.", "Try again soon, or raise STEAD_SERVER_SESSIONS."
        )
    )


def _of_larger_tenants(held: list[Line], mine: int) -> list[Line]:
    counts = Counter(line.server.tenant for line in held)
    return [line for line in held if counts[line.server.tenant] > mine]


def _longest_unused(wanting: Line, among: list[Line], who: Who) -> Line | None:
    counts = Counter(who(line) for line in among)
    mine = counts[who(wanting)]

    def may_go(line: Line) -> bool:
        if line.idle:
            return True
        is_larger = who(line) == who(wanting) or counts[who(line)] > mine
        return line.only_listens and wanting.calls > 0 and is_larger

    able = [line for line in among if may_go(line)]
    return min(able, key=lambda line: (not line.idle, -counts[who(line)], line.last_used), default=None)


def _identity(line: Line) -> tuple[str, str]:
    return line.server.tenant, line.server.identity


def _tenant(line: Line) -> tuple[str, str]:
    return line.server.tenant, ""


def _refuse(why: str, way_out: str) -> Line:
    raise NoSession(f"{why} Nothing was sent.", way_out=way_out, extra={"retry_after_s": _AGAIN_S})
