"""A fresh look at an open question says when its call cannot be done any more, whatever a person decides."""

import pytest

from swarmstead.gateway.looking import Look
from swarmstead.resources import handlers as resources
from tests.rooms.gateway.desk import ADA, MANIFESTS, Desk, outside

LINE = {"line": "one"}
NAME = {"name": "x"}


async def looked(desk: Desk, tool: str, obstacle: str = "") -> Look:
    """A question about a call of `ann`, looked at once that is in its way."""
    asked = await desk.plan(desk.request(tool, LINE if tool == "append" else NAME))
    await obstruct(desk, tool, obstacle)
    return await desk.gateway.looking.at(ADA, asked)


async def obstruct(desk: Desk, tool: str, obstacle: str) -> None:
    """Put something in the way of every call of a tool."""
    if obstacle == "unbound":
        await desk.declare(MANIFESTS.replace("[read, put, append, wipe, note, missing]", "[read]"))
    elif obstacle == "elsewhere":
        await desk.declare(MANIFESTS.replace("{agent: ann, ", "{agent: ann, environments: [prod], "))
    elif obstacle == "undeclared":
        await desk.db.write(lambda tx: resources.delete(tx, ADA, desk.clock, "ToolServer", "kit"))
    elif obstacle == "quarantined":
        await desk.quarantine(tool, "It posts twice.")
    elif obstacle == "gone":
        desk.upstream.tools = [one for one in desk.upstream.tools if one["name"] != tool]
        desk.clock.advance(seconds=61)


async def test_what_can_still_be_done_is_not_said_to_be_barred(desk: Desk) -> None:
    look = await looked(desk, "put")
    assert (look.state, look.why) == ("unknown", "Its tool has no preview.")
    assert (await looked(desk, "append")).state != "barred"


@pytest.mark.parametrize("tool", ["append", "put"])
@pytest.mark.parametrize(
    ("obstacle", "why"),
    [
        ("unbound", "The tool is not bound to ann any more."),
        ("elsewhere", "The tool is not bound to ann any more."),
        ("undeclared", "Its tool server is not declared any more."),
        ("quarantined", "The tool is quarantined: "),
        ("gone", "Its tool server does not have this tool any more."),
    ],
)
async def test_what_is_in_its_way_is_told(desk: Desk, tool: str, obstacle: str, why: str) -> None:
    look = await looked(desk, tool, obstacle)
    assert (look.state, look.why[: len(why)]) == ("barred", why)


async def test_a_binding_of_one_version_or_for_some_role_is_a_binding(desk: Desk) -> None:
    inside = await desk.plan(desk.request("append", LINE))
    await desk.declare(MANIFESTS.replace("agent: ann,", f'agent: "ann@sha256:{"0" * 64}",'))
    assert (await desk.gateway.looking.at(ADA, inside)).state != "barred"
    asked = await desk.plan(desk.request("append", LINE, caller=outside()))
    await desk.declare(MANIFESTS.replace('agent: "*",', 'agent: "*", roles: [operator],'))
    assert (await desk.gateway.looking.at(ADA, asked)).state != "barred"
    await desk.declare(MANIFESTS.replace('agent: "*", server: kit, tools: [read, append]', 'agent: "*", server: kit'))
    assert (await desk.gateway.looking.at(ADA, asked)).why == "The tool is not bound to outside clients any more."
