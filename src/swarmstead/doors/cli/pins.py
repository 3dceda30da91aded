"""`stead mcp accept`, `quarantine` and `release`: which tools are trusted; and what `stead mcp inspect` shows of it."""

from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import coloured_diff, digest_cell, dump, facts, heading, output_option, table, visible

_MOST = 10_000
_WHY = {
    "": "",
    "new": "nobody has accepted it yet",
    "changed": "its definition has changed",
    "held": "a person has set it aside",
}


def of(client: Client, server: str) -> list[dict[str, Any]]:
    """What is pinned of a server's tools."""
    return client.page("/api/v1/tools", _MOST, server=server)["items"]


def show(client: Client, server: dict[str, Any]) -> None:
    """Print a server's tools, what their schemas leave open, and for each that waits what has changed."""
    if server["tools"]:
        heading("Tools")
        table(
            ["TOOL", "RISK", "STATE", "REPEATABLE", "SCHEMA", "WHAT"],
            [
                [
                    tool["name"],
                    tool["risk"],
                    tool["state"],
                    "yes" if tool["idempotent"] else "no",
                    digest_cell(tool["schema_hash"]),
                    tool["description"],
                ]
                for tool in server["tools"]
            ],
        )
    said = [(tool["name"], text) for tool in server["tools"] for text in (tool["problem"], *tool["warnings"]) if text]
    if said:
        heading("Warnings")
        for name, text in said:
            click.echo(visible(f"{name}: {text}"))
    for pin in of(client, server["name"]):
        if pin["state"] == "quarantined":
            _show_waiting(client, pin)


def _show_waiting(client: Client, pin: dict[str, Any]) -> None:
    server, tool = pin["server"], pin["tool"]
    heading(f"Quarantined: {visible(tool)}")
    facts(
        {
            "why": f"{_WHY[pin['why']]}{': ' if pin['reason'] else ''}{pin['reason']}",
            "since": words.age(pin["changed_at"]),
            "accepted": pin["schema_hash"],
            "offered": pin["offered_hash"],
        }
    )
    coloured_diff([(line["op"], line["text"]) for line in client.get(_path(server, tool))["drift"]])
    if pin["offered_hash"]:
        click.echo(visible(f"Accept it: stead mcp accept {server} {tool} --hash {pin['offered_hash']}"))
    if pin["why"] == "held":
        click.echo(visible(f"Release it: stead mcp release {server} {tool}"))


@click.command()
@click.argument("name", metavar="SERVER")
@click.argument("tool")
@click.option("--hash", "schema_hash", required=True, help="Of the definition that you have looked at; all of it.")
@output_option
@with_client
def accept(client: Client, name: str, tool: str, schema_hash: str, form: str) -> None:
    """Trust the definition of TOOL that waits, named by its hash."""
    _said(client.post(f"{_path(name, tool)}:accept", {"hash": schema_hash}), form)


@click.command()
@click.argument("name", metavar="SERVER")
@click.argument("tool")
@click.option("--reason", required=True, help="For whoever releases it.")
@output_option
@with_client
def quarantine(client: Client, name: str, tool: str, reason: str, form: str) -> None:
    """Set TOOL aside at once: nobody can call it, and no list shows it."""
    _said(client.post(f"{_path(name, tool)}:quarantine", {"reason": reason}), form)


@click.command()
@click.argument("name", metavar="SERVER")
@click.argument("tool")
@output_option
@with_client
def release(client: Client, name: str, tool: str, form: str) -> None:
    """Take back a quarantine that a person has set on TOOL."""
    _said(client.post(f"{_path(name, tool)}:release"), form)


def _path(server: str, tool: str) -> str:
    return f"/api/v1/tools/{part(server)}/{part(tool)}"


def _said(pin: dict[str, Any], form: str) -> None:
    if form != "table":
        dump(pin, form)
        return
    why = f" ({_WHY[pin['why']]})" if pin["why"] else ""
    click.echo(visible(f"{pin['tool']} of {pin['server']} is {pin['state']}{why}."))
