"""`stead mcp bind` and `unbind`: Binding resources, written as `stead apply` would."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from swarmstead.doors.cli import pins
from swarmstead.doors.cli.client import Client, Refused, part
from swarmstead.doors.cli.options import ROLES, with_client
from swarmstead.doors.cli.output import dump, output_option, table, visible
from swarmstead.kernel.errors import BadInput

_API_VERSION = "swarmstead.dev/v1alpha1"
_RESOURCES = "/api/v1/resources"
_MOST = 100_000
_LONGEST_NAME = 63
_NOT_FOUND = 404
Resource = dict[str, Any]

_env = click.option("--env", "environments", multiple=True, metavar="ENV", help="It holds there only; repeatable.")
_role = click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="For AGENT '*': one of these is needed."
)


@click.command()
@click.argument("agent", metavar="AGENT")
@click.argument("server_name", metavar="SERVER")
@click.argument("tools", nargs=-1, required=True, metavar="TOOL...")
@_env
@_role
@output_option
@with_client
def bind(
    client: Client,
    agent: str,
    server_name: str,
    *,
    tools: tuple[str, ...],
    environments: tuple[str, ...],
    roles: tuple[str, ...],
    form: str,
) -> None:
    """Let AGENT call tools of SERVER. AGENT is a name, NAME@DIGEST for one version, or '*' for outside clients.

    They are added to the Binding of the same agent, server, environments and roles, or to a new one.
    """
    found = _about(client, agent, server_name)
    mine = next((one for one in found if _conditions(one["spec"]) == (set(environments), set(roles))), None)
    before: list[str] = list(mine["spec"].get("tools", ())) if mine else []
    wanted = [*before, *(tool for tool in dict.fromkeys(tools) if tool not in before)]
    spec = {"agent": agent, "server": server_name, "environments": environments, "roles": roles}
    name = mine["name"] if mine else _free_name(client, agent, server_name, (*environments, *roles))
    done: list[Resource] = [{"name": name, "digest": mine["digest"] if mine else "", "action": "unchanged"}]
    if wanted != before:
        done = _write(client, name, (mine["spec"] if mine else _given(spec)) | {"tools": wanted}, mine)
    _said(done, form)
    _warn(client, server_name, tools)


@click.command()
@click.argument("agent", metavar="AGENT")
@click.argument("server_name", metavar="SERVER")
@click.argument("tools", nargs=-1, metavar="[TOOL]...")
@click.option("--all", "everything", is_flag=True, help="Every tool of SERVER, instead of naming them.")
@_env
@_role
@output_option
@with_client
def unbind(
    client: Client,
    agent: str,
    server_name: str,
    *,
    tools: tuple[str, ...],
    everything: bool,
    environments: tuple[str, ...],
    roles: tuple[str, ...],
    form: str,
) -> None:
    """Take tools of SERVER away from AGENT, in every Binding that gives them; --env and --role narrow that down.

    A Binding that gives nothing any more is deleted.
    """
    if everything == bool(tools):
        raise BadInput("What is to be taken away is not clear.", field="TOOL", way_out="Name tools, or give --all.")
    narrow = (set(environments), set(roles))
    done: list[Resource] = []
    for one in _about(client, agent, server_name):
        spec: dict[str, Any] = one["spec"]
        before: list[str] = spec.get("tools", [])
        left = [] if everything else [tool for tool in before if tool not in tools]
        if left == before or (any(narrow) and _conditions(spec) != narrow):
            continue
        if left or spec.get("resources") or spec.get("prompts"):
            done += _write(client, one["name"], spec | {"tools": left}, one)
        else:
            gone = client.delete(f"{_RESOURCES}/Binding/{part(one['name'])}")
            done.append({"name": one["name"], "digest": one["digest"]} | gone)
    _said(done, form, empty=f"No Binding gives {agent} that; nothing was changed.")


def _about(client: Client, agent: str, server: str) -> list[Resource]:
    """The Bindings of this agent and server."""
    found = client.page(_RESOURCES, _MOST, kind="Binding")["items"]
    return [one for one in found if one["spec"]["agent"] == agent and one["spec"]["server"] == server]


def _conditions(spec: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    return set(spec.get("environments", ())), set(spec.get("roles", ()))


def _given(spec: Mapping[str, str | tuple[str, ...]]) -> dict[str, Any]:
    return {field: value if isinstance(value, str) else list(value) for field, value in spec.items() if value}


def _write(client: Client, name: str, spec: Mapping[str, Any], before: Resource | None) -> list[Resource]:
    """Apply one Binding; bound to the version that was read, so that nobody else's change is lost."""
    metadata: dict[str, Any] = {"name": name}
    if before is not None:
        metadata |= {field: before[field] for field in ("labels", "owner") if before[field]}
    document = {"apiVersion": _API_VERSION, "kind": "Binding", "metadata": metadata, "spec": spec}
    match = f'"{before["digest"]}-0"' if before is not None else ""
    return client.post_yaml("/api/v1/apply", json.dumps(document), match=match)["items"]


def _free_name(client: Client, agent: str, server: str, conditions: Sequence[str]) -> str:
    """A name for a new Binding that says what it is about, and is nobody else's."""
    whose = "clients" if agent == "*" else agent.replace("@sha256:", "-")[:_LONGEST_NAME]
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join((whose[:24], server[:24], *sorted(conditions))).lower())
    plain = plain[: _LONGEST_NAME - 4].strip("-")
    for number in range(1, 1000):
        name = plain if number == 1 else f"{plain}-{number}"
        if not _is_there(client, name):
            return name
    raise BadInput(f"Too many Bindings are called {plain}.", field="AGENT", way_out="Declare it with `stead apply`.")


def _is_there(client: Client, name: str) -> bool:
    try:
        client.get(f"{_RESOURCES}/Binding/{part(name)}")
    except Refused as error:
        if error.status != _NOT_FOUND:
            raise
        return False
    return True


def _said(done: Sequence[Resource], form: str, empty: str = "") -> None:
    if form != "table":
        dump({"items": list(done)}, form)
        return
    if not done:
        click.echo(visible(empty))
        return
    table(["BINDING", "WAS"], [[one["name"], one["action"]] for one in done])
    for one in done:
        for warning in one.get("warnings", ()):
            click.echo(visible(f"Warning: {one['name']}: {warning}"), err=True)


def _warn(client: Client, server: str, tools: Iterable[str]) -> None:
    """Say which of these tools nobody has seen, or cannot be called: a typo must not wait for a run to be found."""
    known = {one["tool"]: one for one in pins.of(client, server)}
    for tool in tools:
        if not known:
            click.echo(visible(f"Warning: no tool of {server} was seen yet, so {tool} is not checked."), err=True)
        elif tool not in known:
            seen = ", ".join(sorted(known)[:10])
            click.echo(visible(f"Warning: {server} was not seen to have a tool {tool!r}. It has {seen}."), err=True)
        elif known[tool]["state"] != "accepted":
            click.echo(visible(f"Warning: {tool} is quarantined, and cannot be called until that ends."), err=True)
