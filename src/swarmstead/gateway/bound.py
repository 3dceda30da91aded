"""Who may call which tool: bindings turned round, tool by tool. For people who look at what is granted."""

from collections.abc import Iterable
from dataclasses import dataclass

from swarmstead.gateway.contract import BindingSpec

_VERSION_MARK = "@"


@dataclass(frozen=True, slots=True)
class Grantee:
    """One binding's word on a tool. `agent` is `*` for outside callers; `version` is a digest, '' for every version.

    No environments: in all of them. No roles: any caller that may call tools.
    """

    agent: str
    version: str
    environments: tuple[str, ...]
    roles: tuple[str, ...]
    binding: str


@dataclass(frozen=True, slots=True)
class BoundTool:
    """A tool and who may call it, by agent and binding."""

    server: str
    tool: str
    grantees: tuple[Grantee, ...]


def bound_tools(
    bindings: Iterable[tuple[str, BindingSpec]], *, server: str = "", tool: str = "", agent: str = ""
) -> list[BoundTool]:
    """Every bound tool, by server and name; narrowed to one server, tool or agent. `bindings` are named.

    Cost: linear in what the bindings name, and a sort; off the event loop for many.
    """
    found: dict[tuple[str, str], list[Grantee]] = {}
    for name, one in bindings:
        whose, _, version = one.agent.partition(_VERSION_MARK)
        if (server and one.server != server) or (agent and whose != agent):
            continue
        grantee = Grantee(whose, version, one.environments, one.roles, name)
        for named in {tool} & set(one.tools) if tool else set(one.tools):
            found.setdefault((one.server, named), []).append(grantee)
    return [
        BoundTool(*place, tuple(sorted(grantees, key=lambda one: (one.agent, one.version, one.binding))))
        for place, grantees in sorted(found.items())
    ]
