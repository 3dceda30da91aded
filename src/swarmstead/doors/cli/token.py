"""`stead token`: short-lived tokens made from a key, and `stead whoami`."""

from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import ROLES, seconds, with_client
from swarmstead.doors.cli.output import dump, facts, output_option


@click.group()
def token() -> None:
    """Short-lived tokens."""


@token.command()
@click.option(
    "--role", "--roles", "roles", multiple=True, type=click.Choice(ROLES), help="Repeatable. [all that the key has]"
)
@click.option("--environment", "--env", default="", metavar="NAME", help="The only one it may act in. [all]")
@click.option("--ttl", default="1h", show_default=True, metavar="AGE", help="How long it lives: 15m, 12h at most.")
@output_option
@with_client
def create(client: Client, roles: tuple[str, ...], environment: str, ttl: str, form: str) -> None:
    """Make a token that may do no more than your key, and ends with it. It is shown this once."""
    body = {"roles": list(roles), "environment": environment, "expires_in_s": seconds(ttl, "--ttl", most="12h")}
    made = client.post("/api/v1/tokens", body)
    if form != "table":
        dump(made, form)
        return
    facts(
        {
            "token": made["token"],
            "id": made["id"],
            "roles": ", ".join(made["roles"]),
            "environment": made["environment"] or "all",
            "expires": words.age(made["expires_at"]),
        }
    )
    click.echo("The token is shown this once. Use it with STEAD_KEY or --key-file.", err=True)


@click.command()
@output_option
@with_client
def whoami(client: Client, form: str) -> None:
    """Say who the server takes you for, and what you may do."""
    found: dict[str, Any] = client.get("/api/v1/session")
    if form != "table":
        dump(found, form)
        return
    facts(
        {
            "server": client.address,
            "tenant": found["tenant"],
            "name": found["actor"]["name"],
            "id": found["actor"]["id"],
            "by": found["auth"],
            "roles": ", ".join(found["actor"]["roles"]) or "none",
            "environment": found["environment"] or "all",
            "expires": words.age(found["expires_at"]) or "never",
            "may": ", ".join(found["permissions"]) or "nothing",
        }
    )
