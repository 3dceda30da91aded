"""Shapes of who may call which tool."""

from swarmstead.doors.http.shapes import Shape


class GranteeShape(Shape):
    """One binding's word: `agent` is `*` for outside callers, `version` '' for every version of the agent.

    No environments: in all of them. No roles: any caller that may call tools.
    """

    agent: str
    version: str
    environments: list[str]
    roles: list[str]
    binding: str


class GrantShape(Shape):
    """A tool, and who may call it. `total` counts all grantees; at most 200 are listed."""

    server: str
    tool: str
    grantees: list[GranteeShape]
    total: int
