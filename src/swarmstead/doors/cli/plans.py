"""A plan as people read it: what would run, what it may cost, what will ask, what is missing."""

from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.output import digest_cell, facts, heading, table, visible
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import usd_text


def show(plan: dict[str, Any]) -> None:
    """Print a plan."""
    cost, time = plan["cost"], plan["time"]
    facts(
        {
            "swarm": f"{plan['swarm']} ({plan['pattern']}) on {plan['environment']}",
            "input": ", ".join(f"{name}={value}" for name, value in plan["input"].items()),
            "changed": _overrides(plan["overrides"]),
            "cost": f"{_money(cost['low_micros'], cost['high_micros'])}, at most {usd_text(cost['cap_micros'])}",
            "time": f"{_time(time['low_s'], time['high_s'])}, at most {words.duration(time['cap_s'])} of work",
            "plan": plan["hash"],
        }
    )
    heading("Agents")
    head = ["AGENT", "ROLE", "MODEL", "ANSWERS", "TOOLS", "VERSION"]
    table(
        head,
        [
            [
                agent["name"],
                agent["role"],
                agent["model"],
                agent["model_kind"],
                ", ".join(f"{tool['server']}/{tool['name']}" for tool in agent["tools"]),
                digest_cell(agent["digest"]),
            ]
            for agent in plan["agents"]
        ],
    )
    verdicts(plan)


def verdicts(plan: dict[str, Any]) -> None:
    """Print which tools will ask a person, and which are denied."""
    asks = plan["expected_approvals"]
    heading("Asks a person" if asks else "Nothing will ask a person")
    for one in asks:
        click.echo(f"{visible(one['tool'])} by {visible(one['agent'])}: {visible(one['rule'])}")
    denied = [(agent, tool) for agent in plan["agents"] for tool in agent["tools"] if tool["verdict"] == "deny"]
    if denied:
        heading("Denied")
        for agent, tool in denied:
            click.echo(visible(f"{tool['server']}/{tool['name']} for {agent['name']}: {tool['rule']}"))


def require_whole(plan: dict[str, Any]) -> None:
    """Fails: BadInput, naming everything that the run would lack."""
    missing = plan["missing"]
    if not missing:
        return
    raise BadInput(
        f"Nothing was started: {plan['swarm']} lacks " + "; and ".join(one["what"] for one in missing) + ".",
        way_out=" ".join(dict.fromkeys(one["way_out"] for one in missing)),
        code="plan_incomplete",
    )


def _money(low: int, high: int) -> str:
    return usd_text(low) if low == high else f"{usd_text(low)} to {usd_text(high)}"


def _time(low: int, high: int) -> str:
    return words.duration(low) if low == high else f"{words.duration(low)} to {words.duration(high)}"


def _overrides(overrides: dict[str, Any]) -> str:
    given: dict[str, str] = overrides.get("models") or {}
    models = [f"{agent} thinks with {model}" for agent, model in given.items()]
    budget = [f"budget {overrides['budget_usd']} USD"] if overrides.get("budget_usd") else []
    return ", ".join(models + budget)
