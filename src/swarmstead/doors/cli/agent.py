"""`stead agent`: agents, their tools and their versions."""

from collections.abc import Callable
from typing import Any

import click

from swarmstead.doors.cli import resources, words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import limit_option, with_client
from swarmstead.doors.cli.output import digest_cell, document, dump, facts, heading, listed, output_option


def _tools(one: dict[str, Any]) -> str:
    return ", ".join(f"{tool['server']}/{tool['name']}" for tool in one["tools"])


_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "AGENT": lambda one: one["name"],
    "MODEL": lambda one: f"{one['model']} ({one['model_kind'] or 'not declared'})",
    "VERSIONS": lambda one: one["versions"],
    "DIGEST": lambda one: digest_cell(one["digest"]),
    "CHANGED": lambda one: words.age(one["updated_at"]),
    "TOOLS": _tools,
}


@click.group()
def agent() -> None:
    """Agents and their versions."""


@agent.command("list")
@limit_option
@output_option
@with_client
def list_(client: Client, limit: int, form: str) -> None:
    """List agents with their models and tools."""
    listed(client.page("/api/v1/agents", limit), form, _COLUMNS, empty="No agent is declared.")


@agent.command()
@click.argument("name")
@output_option
@with_client
def show(client: Client, name: str, form: str) -> None:
    """Show an agent: its model, its tools, its manifest."""
    found = client.get(f"/api/v1/agents/{part(name)}")
    if form != "table":
        dump(found, form)
        return
    facts(
        {
            "agent": found["name"],
            "what": found["description"],
            "model": f"{found['model']} ({found['model_kind'] or 'not declared'})",
            "owner": found["owner"],
            "versions": found["versions"],
            "digest": found["digest"],
            "changed": words.age(found["updated_at"]),
            "tools": "\n".join(_tools(found).split(", ")),
        }
    )
    heading("Manifest")
    document(found["manifest"])


@agent.command()
@click.argument("name")
@limit_option
@output_option
@with_client
def versions(client: Client, name: str, limit: int, form: str) -> None:
    """List an agent's versions, newest first."""
    resources.versions_table(client.page(f"/api/v1/agents/{part(name)}/versions", limit), form)


@agent.command()
@click.argument("name")
@click.option("--from", "from_", default="", metavar="VERSION", help="Number or digest. [the one before --to]")
@click.option("--to", default="", metavar="VERSION", help="Number or digest. [the current one]")
@output_option
@with_client
def diff(client: Client, name: str, from_: str, to: str, form: str) -> None:
    """Compare two versions of an agent."""
    resources.compare(client, "Agent", name, from_, to, form)
