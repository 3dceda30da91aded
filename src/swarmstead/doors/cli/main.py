"""`stead`: the command line's entry."""

from pathlib import Path

import click


@click.group()
def cli() -> None:
    """Swarmstead: agents work in your stead; you stay in charge."""


@cli.command()
@click.option("--host", default=None)
@click.option("--port", type=int, default=None)
@click.option("--data", type=click.Path(path_type=Path), default=None)
def up(host: str | None, port: int | None, data: Path | None) -> None:
    """Start the server."""
    from swarmstead.doors.worker.serve import serve
    from swarmstead.settings import load

    def announce(app, address, link):
        click.echo(f"Swarmstead is ready at {address}")
        if app.first_key:
            click.echo(f"admin key (shown once): {app.first_key.secret}")
        click.echo(f"sign in: {link}")

    serve(load(host=host, port=port, data=data), announce)


def main() -> None:
    """Run the command line."""
    cli()
