"""`stead key`: API keys, and one-time links that sign a browser in."""

import re

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import dump, facts, listed, output_option
from swarmstead.kernel.errors import BadInput

_ROLES = ("viewer", "operator", "approver", "admin")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.group()
def key() -> None:
    """API keys and sign-in links."""


@key.command("list")
@output_option
@with_client
def list_(client: Client, form: str) -> None:
    """List keys, newest first. Secrets are not stored, so they are not shown."""
    listed(
        client.get("/api/v1/keys"),
        form,
        {
            "KEY": lambda one: one["id"],
            "NAME": lambda one: one["name"],
            "BEGINS": lambda one: one["prefix"],
            "ROLES": lambda one: ", ".join(one["roles"]),
            "MADE": lambda one: words.age(one["created_at"]),
            "EXPIRES": lambda one: words.age(one["expires_at"]),
            "REVOKED": lambda one: words.age(one["revoked_at"]),
        },
    )


@key.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES), help="Repeatable.")
@click.option("--expires", default="", metavar="AGE", help="When it stops working: 90m, 12h, 30d. [never]")
@output_option
@with_client
def create(client: Client, name: str, roles: tuple[str, ...], expires: str, form: str) -> None:
    """Make a key for NAME (a person or a program). It is shown this once."""
    made = client.post("/api/v1/keys", {"name": name, "roles": list(roles), "expires_in_s": _seconds(expires)})
    if form != "table":
        dump(made, form)
        return
    facts(
        {
            "key": made["key"],
            "id": made["id"],
            "roles": ", ".join(made["roles"]),
            "expires": words.age(made["expires_at"]),
        }
    )
    click.echo("The key is shown this once. Use it with STEAD_KEY or --key-file.", err=True)


@key.command()
@click.argument("key_id", metavar="KEY")
@output_option
@with_client
def revoke(client: Client, key_id: str, form: str) -> None:
    """Make a key useless at once, with its sessions and links. KEY is its id."""
    client.post(f"/api/v1/keys/{part(key_id)}:revoke")
    if form == "table":
        click.echo(f"{key_id} is revoked.")
    else:
        dump({"id": key_id, "revoked": True}, form)


@key.command()
@output_option
@with_client
def link(client: Client, form: str) -> None:
    """Print a link that signs a browser in as this key: once, within 15 minutes."""
    made = client.post("/api/v1/session:link")
    address = client.address + made["path"]
    if form == "table":
        click.echo(address)
    else:
        dump(made | {"url": address}, form)


def _seconds(text: str) -> int | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found or not int(found[1]):
        raise BadInput(
            f"--expires {text!r} is not an age.", field="--expires", way_out="Write a number and s, m, h or d: 30d."
        )
    return int(found[1]) * _SECONDS[found[2]]
