"""`stead openapi` and `stead version`: what this is, without a server."""

import platform

import click

from swarmstead import __version__
from swarmstead.doors.cli.output import document_option, dump, facts, output_option


@click.command()
@document_option
def openapi(form: str) -> None:
    """Print the API's description (OpenAPI 3.1). Needs no server."""
    from swarmstead.doors.http.app import make_api

    dump(make_api().openapi(), form)


@click.command()
@output_option
def version(form: str) -> None:
    """Print the version of the command line."""
    found = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    if form == "table":
        facts({"swarmstead": found["version"], "python": found["python"], "platform": found["platform"]})
    else:
        dump(found, form)
