"""`stead tool`: tools by what they do."""

from typing import Any

import click

from swarmstead.doors.cli import resources
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.declare import declare
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import listed, output_option
from swarmstead.kernel.errors import BadInput


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
    form: str,
) -> None:
    """Show a feature flag, or switch it; what is switched is a new version of it, in the audit trail."""
    change: dict[str, Any] = {"enabled": enabled, "share": share, "environments": list(environments) or None}
    change = {field: value for field, value in change.items() if value is not None}
    if everywhere:
        change["environments"] = []
    if not change:
        resources.show(client.get(f"/api/v1/resources/FeatureFlag/{part(name)}"), form)
        return
    flags = client.page("/api/v1/resources", 10_000, kind="FeatureFlag")["items"]
    spec: dict[str, Any] = {"enabled": False}
    metadata: dict[str, Any] = {}
    for known in flags:
        if known["name"] == name:
            spec, metadata = known["spec"], {field: known[field] for field in ("labels", "owner")}
    declare(client, "FeatureFlag", name, spec | change, form, metadata)
