"""`stead tool`: tools by what they do."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from swarmstead.doors.cli import resources
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.declare import declare
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import listed, output_option, visible
from swarmstead.kernel.errors import BadInput

_ALL = 10_000


@click.group()
def tool() -> None:
    """Tools: search, and the flags that risky ones stand behind."""


@tool.command()
@click.argument("query")
@click.option("--agent", default="*", show_default=True, help="Whose tools; * is outside MCP clients.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 20), help="How many at most.")
@output_option
@with_client
def search(client: Client, *, query: str, agent: str, limit: int, form: str) -> None:
    """Find the bound tools that fit a task, best first."""
    if not query.strip():
        raise BadInput("There is nothing to search for.", field="QUERY", way_out="Say what the tool is to do.")
    listed(
        client.get("/api/v1/tools:search", q=query, agent=agent, limit=limit),
        form,
        {
            "TOOL": lambda one: one["name"],
            "RISK": lambda one: one["risk"],
            "WHAT": lambda one: one["description"],
        },
        empty="No tool that is bound there fits.",
    )


@tool.command()
@click.argument("name")
@click.option("--on/--off", "enabled", default=None, help="Switch it.")
@click.option("--environment", "environments", multiple=True, help="Where it is on; repeatable. Left out: as it was.")
@click.option("--everywhere", is_flag=True, help="On in all environments.")
@click.option(
    "--share", type=click.FloatRange(0, 1), help="The share of callers for whom it is on. Left out: as it was."
)
@click.option("--create", is_flag=True, help="Declare it although no tool stands behind it yet.")
@output_option
@with_client
def flag(
    client: Client,
    *,
    name: str,
    enabled: bool | None,
    environments: tuple[str, ...],
    everywhere: bool,
    share: float | None,
    create: bool,
    form: str,
) -> None:
    """Show a feature flag, or switch it; what is switched is a new version of it, in the audit trail.

    Which tools it switches is said on standard error. A name that is neither declared nor stands before any tool is
    refused, since it may be mistyped.
    """
    change: dict[str, Any] = {"enabled": enabled, "share": share, "environments": list(environments) or None}
    change = {field: value for field, value in change.items() if value is not None}
    if everywhere:
        change["environments"] = []
    if not change:
        resources.show(client.get(f"/api/v1/resources/FeatureFlag/{part(name)}"), form)
        _say_behind(name, _behind(client).get(name, []))
        return
    behind = _behind(client)
    flags = client.page("/api/v1/resources", _ALL, kind="FeatureFlag")["items"]
    spec: dict[str, Any] = {"enabled": False}
    metadata: dict[str, Any] = {}
    for known in flags:
        if known["name"] == name:
            spec, metadata = known["spec"], {field: known[field] for field in ("labels", "owner")}
    if not (metadata or create or name in behind):
        raise _unheard_of(name, {*behind, *(known["name"] for known in flags)})
    declare(client, "FeatureFlag", name, spec | change, form, metadata)
    _say_behind(name, behind.get(name, []))


def _behind(client: Client) -> Mapping[str, list[str]]:
    """The tools that stand behind each flag, with a remark where they are there while it is off."""
    found: dict[str, list[str]] = {}
    for server in client.page("/api/v1/resources", _ALL, kind="ToolServer")["items"]:
        for named, flag in server["spec"].get("flags", {}).items():
            remark = " (there while it is off)" if flag.startswith("!") else ""
            found.setdefault(flag.removeprefix("!"), []).append(f"{server['name']}/{named}{remark}")
    return found


def _say_behind(name: str, tools: Iterable[str]) -> None:
    stand = ", ".join(tools)
    nothing = "Warning: no tool stands behind it: it switches nothing. A ToolServer names it in its `flags`."
    click.echo(visible(f"{name}: {stand}" if stand else nothing), err=True)


def _unheard_of(name: str, known: Iterable[str]) -> BadInput:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), 1)
    meant = f"Perhaps {near[0]} is meant. " if near else ""
    return BadInput(
        f"There is no feature flag {name!r}, and no tool stands behind that name. Nothing was changed.",
        field="NAME",
        way_out=f"{meant}`stead get featureflag` lists them; --create declares a new one.",
    )
