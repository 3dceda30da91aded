"""`stead tool`: tools by what they do."""

import click

from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import listed, output_option


@click.group()
def tool() -> None:
    """Tools: search."""


@tool.command()
@click.argument("query")
@click.option("--agent", default="*", show_default=True, help="Whose tools; * is outside MCP clients.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 20), help="How many at most.")
@output_option
@with_client
def search(client: Client, *, query: str, agent: str, limit: int, form: str) -> None:
    """Find the bound tools that fit a task, best first."""
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
