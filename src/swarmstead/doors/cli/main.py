"""`stead`: the command line's entry, the list of commands, and what an error looks like.

Exit codes: 0 done, 1 ours or the server's fault (or a run that failed), 2 the caller's, 3 a run that waits for a person
(`run watch --until-waiting`), 130 interrupted.
"""

import io
import os
import sys
from collections.abc import Sequence

import click

from swarmstead import __version__
from swarmstead.doors.cli.lazy import Lazy, LazyGroup
from swarmstead.kernel.errors import SteadError

_INTERRUPTED = 130
_WITHOUT_SERVER = ("up", "gateway", "worker", "schema", "openapi", "version")
_SECTIONS = {
    "Serve": {
        "up": Lazy("up", "up", "Start the server."),
        "gateway": Lazy("up", "gateway", "Start the gateway alone: no runs, no web UI."),
        "worker": Lazy("up", "worker", "Start a worker beside a server (Postgres)."),
        "drain": Lazy("drain", "drain", "Bring a server's runs to rest before it is stopped."),
        "doctor": Lazy("doctor", "doctor", "Say what is missing or wrong here, and how to mend it."),
    },
    "Run": {
        "run": Lazy("run", "run", "Preview, start, watch and steer runs."),
        "inbox": Lazy("inbox", "inbox", "What waits for a person: show, approve, deny."),
    },
    "Declare": {
        "apply": Lazy("resources", "apply", "Declare what YAML files say."),
        "get": Lazy("resources", "get", "List or show what is declared."),
        "delete": Lazy("resources", "delete", "Take back what is declared."),
        "diff": Lazy("resources", "diff", "Compare two versions."),
        "schema": Lazy("resources", "schema", "What a kind may hold, as JSON Schema."),
        "agent": Lazy("agent", "agent", "Agents and their versions."),
        "model": Lazy("model", "model", "Models: list, add."),
        "mcp": Lazy("mcp", "mcp", "MCP tool servers, what they do now, and the state of their tools."),
        "tool": Lazy("tool", "tool", "Tools: search."),
    },
    "Govern": {
        "policy": Lazy("policy", "policy", "Policies: list, show, check, and test on past calls."),
        "audit": Lazy("audit", "audit", "The audit trail: list, verify, checkpoint, export."),
        "key": Lazy("key", "key", "API keys and sign-in links."),
        "token": Lazy("token", "token", "Short-lived tokens, made from a key."),
        "whoami": Lazy("token", "whoami", "Say who the server takes you for."),
    },
    "About": {
        "openapi": Lazy("about", "openapi", "Print the API's description."),
        "version": Lazy("about", "version", "Print the version."),
    },
}


@click.group(cls=LazyGroup, sections=_SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="%(version)s")
@click.option("--server", metavar="URL", help="The server's address; here, or after a command that speaks with one.")
@click.option("--key-file", metavar="FILE", help="A file that holds the API key; as --server.")
@click.pass_context
def cli(ctx: click.Context, server: str | None, key_file: str | None) -> None:
    """Swarmstead: agents work in your stead; you stay in charge."""
    if (server or key_file) and ctx.invoked_subcommand in _WITHOUT_SERVER:
        option = "--server" if server else "--key-file"
        raise click.UsageError(
            f"`stead {ctx.invoked_subcommand}` speaks with no server: {option} is nothing to it.", ctx
        )
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False


def main() -> None:
    """Run the command line and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a sign still gets the line
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code. What is foreseen ends in one message, never in a traceback."""
    try:
        answer = cli.main(list(arguments), prog_name="stead", standalone_mode=False)
    except click.Abort:
        click.echo("\nStopped; nothing more was done.", err=True)
        return _INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        say(error.format_message(), _way_out(error))
        return error.exit_code
    except click.ClickException as error:
        say(error.format_message())
        return 2
    except SteadError as error:
        say(error.message, error.way_out)
        return error.exit_code
    return answer if isinstance(answer, int) else 0


def _way_out(error: click.UsageError) -> str:
    """The help; and where an option is given too early: those of a command are none of the group that it is in."""
    path = error.ctx.command_path if error.ctx else "stead"
    found = f"`{path} --help` shows how."
    if isinstance(error, click.NoSuchOption) and error.ctx and isinstance(error.ctx.command, click.Group):
        return f"A command's option stands after the command: `{path} COMMAND {error.option_name}`. {found}"
    return found


def say(message: str, way_out: str = "") -> None:
    """An error and the way out, on standard error."""
    from swarmstead.doors.cli.output import visible

    plain = not sys.stderr.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    for mark, text in (("error", message), ("way out", way_out)):
        if text:
            shown = mark if plain else click.style(mark, fg="red" if mark == "error" else "cyan", bold=True)
            click.echo(f"{shown}: {visible(text)}", err=True)
