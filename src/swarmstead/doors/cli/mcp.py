"""`stead mcp`: MCP tool servers, and the tools they offer."""

from typing import Any

import click

from swarmstead.doors.cli import bindings, declare, pins, words
from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import pairs, with_client
from swarmstead.doors.cli.output import dump, facts, listed, output_option
from swarmstead.kernel.errors import BadInput, NotFound


@click.group()
def mcp() -> None:
    """MCP tool servers: list, add, inspect, status, bind, unbind; accept, quarantine and release their tools."""


@mcp.command("list")
@output_option
@with_client
def list_(client: Client, form: str) -> None:
    """List tool servers: how each does, what it speaks, and what it offers now."""
    listed(
        client.get("/api/v1/tool-servers"),
        form,
        {
            "SERVER": lambda one: one["name"],
            "TRANSPORT": lambda one: one["transport"],
            "HEALTH": lambda one: _health_cell(one["health"]),
            "PROTOCOL": lambda one: ", ".join(one["health"]["protocols"]),
            "TOOLS": lambda one: str(len(one["tools"]) or one["seen"]),
            "QUARANTINED": lambda one: str(one["quarantined"]),
            "ADDRESS": lambda one: one["address"],
            "PROBLEM": lambda one: one["problem"] or one["health"]["problem"] or "; ".join(one.get("warnings", ())),
        },
        empty="No tool server is declared.",
    )


@mcp.command()
@click.argument("name")
@output_option
@with_client
def inspect(client: Client, name: str, form: str) -> None:
    """Show a tool server's tools: class, state, what their schemas leave open, and what has changed."""
    servers: list[dict[str, Any]] = client.get("/api/v1/tool-servers")["items"]
    found = next((one for one in servers if one["name"] == name), None)
    if found is None:
        raise NotFound(f"There is no ToolServer called {name!r}.", way_out="List them with `stead mcp list`.")
    if form != "table":
        dump(found | {"pins": pins.of(client, name)}, form)
        return
    facts(
        {
            "server": found["name"],
            "transport": found["transport"],
            "address": found["address"],
            "limited to": f"the folder in the input {found['root']!r}" if found["root"] else "",
            "digest": found["digest"],
            "health": _health_cell(found["health"]),
            "protocol": ", ".join(found["health"]["protocols"]),
            "problem": found["problem"] or found["health"]["problem"],
            "warning": "\n".join(found.get("warnings", ())),
            "quarantine": found["quarantined"],
        }
    )
    pins.show(client, found)


@mcp.command()
@output_option
@with_client
def status(client: Client, form: str) -> None:
    """Show what tool servers are doing now: calls under way, queues, breakers, refusals."""
    listed(
        client.get("/api/v1/traffic"),
        form,
        {
            "SERVER": lambda one: one["name"],
            "IN FLIGHT": lambda one: str(one["in_flight"]),
            "QUEUED": lambda one: str(one["queued"]),
            "BREAKER": _breaker_cell,
            "RESTING": lambda one: ", ".join(tool["name"] for tool in one["tools"] if tool["breaker"] != "closed"),
            "REFUSED": lambda one: ", ".join(f"{code} {count}" for code, count in sorted(one["refused"].items())),
        },
        empty="No tool was called since the server started.",
    )


def _health_cell(health: dict[str, Any]) -> str:
    """`up for 3 m`; `problem (2 of 3 sessions) for 40 s`; `resting, 4 s more`."""
    state = health["state"]
    if health["resting_s"]:
        return f"{state}, {health['resting_s']:g} s more"
    some = ""
    if health["failing"] and health["sessions"]:
        some = f" ({health['failing']} of {health['failing'] + health['sessions']} sessions)"
    lasts = words.age(health["since"]).removesuffix(" ago")
    return f"{state}{some} for {lasts}" if lasts else f"{state}{some}"


def _breaker_cell(one: dict[str, Any]) -> str:
    state = one["breaker"].replace("_", " ")
    return f"{state}, {one['resting_s']:g} s" if one["resting_s"] else state


@mcp.command()
@click.argument("name")
@click.argument("command", nargs=-1, metavar="[-- COMMAND [ARG]...]")
@click.option("--url", default="", help="An MCP server over Streamable HTTP, instead of a COMMAND.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=REF", help="A header for --url; env:NAME is looked up."
)
@click.option("--env", "env", multiple=True, metavar="NAME=REF", help="A variable for COMMAND; nothing else is passed.")
@click.option("--root", default="", metavar="INPUT", help="Limit COMMAND to the folder in this input of a run.")
@click.option("--risk", "risks", multiple=True, metavar="TOOL=read|write|danger", help="What a tool may do.")
@click.option("--idempotent", multiple=True, metavar="TOOL", help="A tool that may safely be called twice.")
@output_option
@with_client
def add(
    client: Client,
    *,
    name: str,
    command: tuple[str, ...],
    url: str,
    headers: tuple[str, ...],
    env: tuple[str, ...],
    root: str,
    risks: tuple[str, ...],
    idempotent: tuple[str, ...],
    form: str,
) -> None:
    """Declare a tool server: a program that speaks MCP over its pipes, or an address.

    An agent can use its tools once a Binding says so.
    """
    if bool(url) == bool(command):
        raise BadInput("A tool server has a COMMAND or a --url.", field="--url", way_out="Give one of the two.")
    spec: dict[str, Any] = {
        "transport": "http" if url else "stdio",
        "command": list(command),
        "url": url,
        "headers": pairs(headers, "--header", "NAME=REF"),
        "env": pairs(env, "--env", "NAME=REF"),
        "root": root,
        "risk": pairs(risks, "--risk", "TOOL=read|write|danger"),
        "idempotent": list(idempotent),
    }
    declare.declare(client, "ToolServer", name, spec, form)


for command in (bindings.bind, bindings.unbind, pins.accept, pins.quarantine, pins.release):
    mcp.add_command(command)
