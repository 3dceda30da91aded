"""A plan as people read it: what would run, what it may cost, what will ask, what is missing."""

from collections.abc import Sequence
from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.output import digest_cell, facts, heading, table, visible
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import usd_text


def show(plan: dict[str, Any]) -> None:
    """Print a plan."""
    facts(
        {
            "swarm": f"{plan['swarm']} ({plan['pattern']}) on {plan['environment']}",
            "input": ", ".join(f"{name}={value}" for name, value in plan["input"].items()),
            "changed": _overrides(plan["overrides"]),
            "cost": _cost(plan),
            "time": _time(plan),
            "plan": plan["hash"],
        }
    )
    if plan["agents"]:
        _agents(plan["agents"])
    verdicts(plan)
    if plan.get("notes"):  # which older servers do not tell
        heading("Before it starts")
        for note in plan["notes"]:
            click.echo(visible(note))
    _without(plan)


def verdicts(plan: dict[str, Any]) -> None:
    """Print which tools will ask a person, and which are denied."""
    asks = plan["expected_approvals"]
    nothing = "Nothing will ask a person" if not plan["missing"] else "Nothing that is known so far will ask a person"
    heading("Asks a person" if asks else nothing)
    for one in asks:
        click.echo(f"{visible(one['tool'])} by {visible(one['agent'])}: {visible(one['rule'])}")
    denied = [(agent, tool) for agent in plan["agents"] for tool in agent["tools"] if tool["verdict"] == "deny"]
    if denied:
        heading("Denied")
        for agent, tool in denied:
            click.echo(visible(f"{tool['server']}/{tool['name']} for {agent['name']}: {tool['rule']}"))


def require_whole(plan: dict[str, Any], *, start: bool) -> None:
    """Fails: BadInput, naming everything that the run would lack. `start`: it was to be launched, not only shown."""
    missing = plan["missing"]
    if not missing:
        return
    begins = "Nothing was started" if start else "This cannot be started"
    raise BadInput(
        f"{begins}. " + " ".join(dict.fromkeys(one["what"] for one in missing)),
        way_out=" ".join(dict.fromkeys(one["way_out"] for one in missing)),
        code="plan_incomplete",
    )


def _agents(agents: Sequence[dict[str, Any]]) -> None:
    heading("Agents")
    table(
        ["AGENT", "ROLE", "MODEL", "ANSWERS", "TOOLS", "VERSION"],
        [
            [
                agent["name"],
                agent["role"],
                agent["model"],
                agent["model_kind"],
                ", ".join(f"{tool['server']}/{tool['name']}" for tool in agent["tools"]),
                digest_cell(agent["digest"]),
            ]
            for agent in agents
        ],
    )


def _cost(plan: dict[str, Any]) -> str:
    """A range that leaves out what cannot be priced yet would be no range."""
    cost = plan["cost"]
    low, high, most = (usd_text(cost[name]) for name in ("low_micros", "high_micros", "cap_micros"))
    expected = "not known yet" if plan["missing"] else low if low == high else f"{low} to {high}"
    return f"{expected}, at most {most}"


def _time(plan: dict[str, Any]) -> str:
    time = plan["time"]
    low, high, most = (words.duration(time[name]) for name in ("low_s", "high_s", "cap_s"))
    expected = "not known yet" if plan["missing"] else low if low == high else f"{low} to {high}"
    return f"{expected}, at most {most} of work"


def _without(plan: dict[str, Any]) -> None:
    """Print what is missing: what hangs on it does not stand in the tables above."""
    if not plan["missing"]:
        return
    heading("Missing, and so not shown above" if not plan["agents"] else "Missing; what hangs on it is not shown above")
    for one in plan["missing"]:
        click.echo(visible(f"{one['what']} {one['way_out']}"))


def _overrides(overrides: dict[str, Any]) -> str:
    given: dict[str, str] = overrides.get("models") or {}
    models = [f"{agent} thinks with {model}" for agent, model in given.items()]
    budget = [f"budget {overrides['budget_usd']} USD"] if overrides.get("budget_usd") else []
    return ", ".join(models + budget)
