"""Feature flags, shares of callers, and bindings that are monitored before they are taken back."""

from dataclasses import replace

import pytest

from swarmstead.gateway.contract import Caller
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import in_share
from swarmstead.resources.manifests import parse
from swarmstead.telemetry.meter import METER
from swarmstead.wiring import KINDS
from tests.rooms.gateway.desk import EVE, MANIFESTS, Desk, agent, outside

LINE = {"line": "one"}
SERVER, OUTSIDE = MANIFESTS.split("---")[0], MANIFESTS.split("---")[2]
FLAGGED = SERVER.replace("spec: {", 'spec: {flags: {append: appending, look: "!appending"}, ')
BOTH = OUTSIDE.replace("tools: [read, append]", "tools: [read, append, look]")
CALLERS = [outside(key=f"k_{number}") for number in range(400)]


def flag(name: str = "appending", **spec: object) -> str:
    fields = ", ".join(f"{field}: {str(value).lower()}" for field, value in spec.items())
    return f"apiVersion: swarmstead.dev/v1alpha1\nkind: FeatureFlag\nmetadata: {{name: {name}}}\nspec: {{{fields}}}\n"


async def names(desk: Desk, caller: Caller) -> set[str]:
    (kit,) = await desk.gateway.tools(caller, desk.root)
    assert kit.problem == ""
    return {tool.name for tool in kit.tools}


@pytest.fixture(name="flagged")
async def _flagged(desk: Desk) -> Desk:
    await desk.declare(FLAGGED)
    await desk.declare(BOTH)
    return desk


async def test_a_flag_that_nobody_declared_is_off(flagged: Desk) -> None:
    assert await names(flagged, outside()) == {"read", "look"}
    outcome = await flagged.call("append", LINE, caller=outside())
    assert (outcome.verdict, outcome.code) == ("denied", "tool_off")
    assert outcome.reason == "Denied: 'append' of 'kit' stands behind the feature flag 'appending', which is off."
    assert "stead tool flag appending" in outcome.way_out
    assert await flagged.trail() == [("effect", "kit/append", "denied")]
    assert flagged.upstream.calls == []


async def test_switching_it_is_felt_by_the_next_call(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True))
    assert await names(flagged, outside()) == {"read", "append"}
    assert (await flagged.call("look", LINE, caller=outside())).code == "tool_off"
    await flagged.plan(flagged.request("append", LINE, caller=outside()))
    await flagged.declare(flag(enabled=False))
    assert (await flagged.call("append", LINE, caller=outside())).code == "tool_off"
    assert (await flagged.call("look", LINE, caller=outside())).verdict == "ok"


async def test_an_approved_plan_does_not_outlive_its_flag(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True))
    request = flagged.request("append", LINE, caller=outside())
    asked = await flagged.approved(request)
    await flagged.declare(flag(enabled=False))
    outcome = await flagged.call("append", LINE, caller=outside(), key=request.key, plan_id=asked.id)
    assert (outcome.code, flagged.upstream.lines) == ("tool_off", [])


async def test_a_flag_gives_nobody_what_is_not_bound(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True))
    zoe = Caller(agent("zoe"), "zoe")
    assert (await flagged.call("append", LINE, caller=zoe)).code == "tool_unknown"
    assert (await flagged.call("append", LINE, caller=outside(), planned=False)).code == "tool_unknown"


async def test_a_flag_may_be_on_in_some_environments(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True, environments="[dev]"))
    dev, prod = (replace(outside(), environment=name) for name in ("dev", "prod"))
    assert await names(flagged, dev) == {"read", "append"}
    assert await names(flagged, prod) == {"read", "look"}


async def test_another_tenants_flag_switches_nothing(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True), EVE)
    assert await names(flagged, outside()) == {"read", "look"}


async def test_a_share_of_the_callers_has_the_new_tool_and_the_rest_the_old_one(flagged: Desk) -> None:
    await flagged.declare(flag(enabled=True, share=0.25))
    new = [caller for caller in CALLERS if await names(flagged, caller) == {"read", "append"}]
    old = [caller for caller in CALLERS if await names(flagged, caller) == {"read", "look"}]
    assert len(new) + len(old) == len(CALLERS)
    assert 60 <= len(new) <= 140
    await flagged.declare(flag(enabled=True, share=0.5))
    assert all([await names(flagged, caller) == {"read", "append"} for caller in new])  # who had it keeps it


def test_a_share_is_the_same_each_time_and_another_for_each_name() -> None:
    subjects = [f"agent/a{number}" for number in range(2_000)]
    one, other = ({who for who in subjects if in_share(name, who, 0.1)} for name in ("one", "other"))
    assert 120 <= len(one) <= 280
    assert one != other
    assert all(in_share("one", who, 1.0) and not in_share("one", who, 0.0) for who in subjects)
    assert one < {who for who in subjects if in_share("one", who, 0.2)}


@pytest.mark.parametrize("spec", [{"share": 1.5}, {"share": -0.1}, {"enabled": "perhaps"}, {"on": True}])
def test_a_flag_that_makes_no_sense_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        parse(flag("f", **spec), KINDS)


MONITORED = OUTSIDE.replace('agent: "*"', 'mode: monitor, agent: "*"')
METRIC = ("stead_grants_monitored_total", ())


async def test_a_monitored_binding_still_holds_and_the_trail_says_what_it_alone_allows(desk: Desk) -> None:
    before = METER.counts().get(METRIC, 0)
    await desk.call("read", {"name": "x"}, caller=outside())
    await desk.declare(MONITORED)
    await desk.call("read", {"name": "x"}, caller=outside())
    await desk.gateway.written()  # rows are looked at in the order in which they were written
    await desk.plan(desk.request("append", LINE, caller=outside()))
    await desk.declare(OUTSIDE.replace("name: outside}", "name: kept}").replace("[read, append]", "[read]"))
    await desk.call("read", {"name": "x"}, caller=outside())
    checks = [row.data.get("grant.check") for row in await desk.rows("tool.call", "approval.ask")]
    would = {"effect": "allow", "monitored": {"effect": "deny"}}
    assert checks == [None, would, would, None]
    assert METER.counts()[METRIC] == before + 2


async def test_a_monitored_binding_of_resources_and_prompts(desk: Desk) -> None:
    spec = 'tools: [], mode: monitor, resources: ["ticket://*"], prompts: [summary]'
    await desk.declare(OUTSIDE.replace("tools: [read, append]", spec).replace("name: outside}", "name: reads}"))
    read = {"kind": "resource", "method": "resources/read", "caller": outside()}
    assert (await desk.call("ticket://1", **read)).verdict == "ok"
    assert (await desk.call("read", {"name": "x"}, caller=outside())).verdict == "ok"
    rows = await desk.rows("resource.read", "tool.call")
    assert ["grant.check" in row.data for row in rows] == [True, False]
