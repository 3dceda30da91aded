"""`stead key`: API keys, and one-time links that sign a browser in."""

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import ROLES, seconds, with_client
from swarmstead.doors.cli.output import dump, facts, listed, output_option


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
            "BEGINS": lambda one: one["certificate"] or one["prefix"],
            "ROLES": lambda one: ", ".join(one["roles"]),
            "MADE": lambda one: words.age(one["created_at"]),
            "EXPIRES": lambda one: words.age(one["expires_at"]),
            "REVOKED": lambda one: words.age(one["revoked_at"]),
        },
    )


@key.command()
@click.argument("name")
@click.option("--role", "--roles", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="Repeatable.")
@click.option("--expires", default="", metavar="AGE", help="When it stops working: 90m, 12h, 30d. [never]")
@click.option(
    "--certificate",
    default="",
    metavar="IDENTITY",
    help="A client certificate instead of a secret: san:spiffe://ORG/NAME, san:HOST, subject:CN=NAME or sha256:HEX.",
)
@output_option
@with_client
def create(client: Client, name: str, roles: tuple[str, ...], expires: str, certificate: str, form: str) -> None:
    """Make a key for NAME (a person or a program). It is shown this once."""
    life = seconds(expires, "--expires", most="3650d") if expires else None
    body = {"name": name, "roles": list(roles), "expires_in_s": life, "certificate": certificate}
    made = client.post("/api/v1/keys", body)
    if form != "table":
        dump(made, form)
        return
    shown = {"certificate": made["certificate"]} if made["certificate"] else {"key": made["key"]}
    facts(
        {
            **shown,
            "id": made["id"],
            "roles": ", ".join(made["roles"]),
            "expires": words.age(made["expires_at"]),
        }
    )
    if made["certificate"]:
        click.echo("Connect with such a certificate; no other credential is needed.", err=True)
    else:
        click.echo("The key is shown this once. Use it with STEAD_KEY or --key-file.", err=True)


@key.command()
@click.argument("key_id", metavar="KEY")
@click.option("--force", is_flag=True, help="Also your own key, when no other admin key is left.")
@output_option
@with_client
def revoke(client: Client, key_id: str, *, force: bool, form: str) -> None:
    """Make a key useless at once, with its sessions and links. KEY is its id."""
    client.post(f"/api/v1/keys/{part(key_id)}:revoke{'?force=true' if force else ''}")
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
