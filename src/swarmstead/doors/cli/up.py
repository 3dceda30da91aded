"""`stead up`, `stead gateway` and `stead worker`: the processes that do the work.

The first start prints the admin key, once, and saves it for this user's command line; later starts print a new sign-in
link. A start that dies before it has printed the key leaves that to the next one. With STEAD_BOOTSTRAP_KEY nothing is
saved and the key is never printed: automation knows it already.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmstead import __version__
from swarmstead.doors.cli import context
from swarmstead.doors.cli.output import visible
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.hashing import sha256_hex

if TYPE_CHECKING:
    from swarmstead.gatehouse import Gatehouse
    from swarmstead.settings import Settings
    from swarmstead.wiring import App

_FOLDER: Any = click.Path(path_type=Path, file_okay=False)


def _data(command: Any) -> Any:
    command = click.option(
        "--config-owner",
        help="Whose --config is, where servers with other files share the database. [STEAD_CONFIG_OWNER; else config]",
    )(command)
    command = click.option(
        "--config",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A file or folder of manifests to keep applied, also when it changes; repeatable. [STEAD_CONFIG]",
    )(command)
    return click.option("--data", type=_FOLDER, help="Where the database and keys are kept. [STEAD_DATA; else ./data]")(
        command
    )


def _allow(command: Any) -> Any:
    return click.option(
        "--allow",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
        help="A folder that runs may read repositories in; repeatable. "
        "[STEAD_ALLOWED_PATHS; else this folder, your home and the temporary one]",
    )(command)


def _address(command: Any) -> Any:
    command = click.option(
        "--port", type=click.IntRange(0, 65_535), help="The port; 0 takes a free one. [STEAD_PORT; else 8700]"
    )(command)
    return click.option("--host", help="The address to listen on. [STEAD_HOST; else 127.0.0.1]")(command)


def _identity(command: Any) -> Any:
    """Options about TLS and about who is let in."""
    for name, help_text in (
        ("--client-ca", "CA certificates that client certificates must come from. [STEAD_CLIENT_CA]"),
        ("--tls-key", "The private key of --tls-cert. [STEAD_TLS_KEY]"),
        ("--tls-cert", "The server's certificate with its chain: speak TLS. [STEAD_TLS_CERT]"),
        ("--identity-providers", "A file of issuers whose JWTs are let in. [STEAD_IDENTITY_PROVIDERS]"),
    ):
        command = click.option(name, type=click.Path(path_type=Path, dir_okay=False), help=help_text)(command)
    return click.option(
        "--client-cert",
        type=click.Choice(["optional", "required"]),
        help="Whether every connection must show a client certificate. [STEAD_CLIENT_CERT; else optional]",
    )(command)


@click.command()
@_address
@_data
@_allow
@_identity
def up(*, allow: tuple[Path, ...], config: tuple[Path, ...], **options: Any) -> None:
    """Start the server, and stop it with Ctrl-C. Unfinished runs go on where they were at the next start.

    STEAD_USER_DAY_USD (else 5) and STEAD_TENANT_DAY_USD (else 50) are the US dollars that the runs of one user, and of
    a tenant, may spend in a UTC day.
    """
    with _refused_at_start():
        settings = _settings(allowed_paths=allow or None, config=config or None, **options)
        from swarmstead.doors.worker.whole import serve  # after the settings: it takes most of the time of a start

        serve(settings, _announce)


@click.command()
@_address
@_data
@_identity
def gateway(*, config: tuple[Path, ...], **options: Any) -> None:
    """Start the gateway alone: MCP for outside clients, without runs, models and the web UI.

    Ctrl-C or SIGTERM stops it: calls in flight end first (STEAD_DRAIN_S); a second time cuts them.
    """
    with _refused_at_start():
        settings = _settings(config=config or None, **options)
        from swarmstead.doors.worker.gateway import serve_gateway

        serve_gateway(settings, _announce_gateway)


@click.command()
@_data
@_allow
def worker(*, allow: tuple[Path, ...], config: tuple[Path, ...], **options: Any) -> None:
    """Start a worker that carries runs beside other servers. Needs a Postgres in STEAD_DATABASE_URL."""
    with _refused_at_start():
        settings = _settings(allowed_paths=allow or None, config=config or None, **options)
        from swarmstead.doors.worker.whole import work

        work(settings, _announce_worker)


def _settings(**options: Any) -> "Settings":
    """What the environment and the options say. A variable that nobody reads is told of: it may be somebody else's."""
    from swarmstead.settings import load, refuse_missing_folders, strangers

    for name in strangers(os.environ):
        click.echo(visible(f"Warning: there is no setting {name}; it changes nothing."), err=True)
    settings = load(**options)
    refuse_missing_folders(settings)
    return settings


@contextmanager
def _refused_at_start() -> Generator[None]:
    """Whatever keeps a server from starting is for its operator to mend: exit code 2."""
    try:
        yield
    except SteadError as error:
        error.exit_code = 2
        raise


async def _announce(app: "App", address: str, link: str) -> Callable[[], None]:
    holds = await _kept_key_holds(app)

    def announce() -> None:
        lines = [f"  sign in (once, within 15 minutes): {link}"] if link else []
        _say(app, f"Swarmstead {__version__} is ready at {address}", [*lines, *_facts(app, address, holds=holds)])

    return announce


async def _announce_gateway(app: "Gatehouse", address: str) -> Callable[[], None]:
    holds = await _kept_key_holds(app)

    def announce() -> None:
        lines = [f"  MCP clients: {address}/mcp", *_facts(app, address, holds=holds)]
        lines += [f"  config: {path.resolve()}" for path in app.settings.config]
        _say(app, f"The gateway of Swarmstead {__version__} is ready at {address}", lines)

    return announce


async def _kept_key_holds(app: "Gatehouse") -> bool:
    """Whether what is saved for this store opens it: it may have been revoked, or have expired. True if nothing is."""
    from swarmstead.people.errors import CredentialRefused
    from swarmstead.people.queries import scope_of_key

    try:
        kept = context.load().kept(_store(app.settings))
        if kept:
            await app.db.read(lambda conn: scope_of_key(conn, app.clock, kept))
    except CredentialRefused:
        return False
    except SteadError:
        return True  # a file that cannot be read is told of when it cannot be written either
    return True


def _store(settings: "Settings") -> str:
    return sha256_hex(settings.url.encode())[:16]


def _facts(app: "Gatehouse", address: str, *, holds: bool) -> list[str]:
    settings = app.settings
    lines = exposed(settings)
    if settings.bootstrap_key.get_secret_value():
        lines.append("  admin key: the one in STEAD_BOOTSTRAP_KEY")
    else:
        secret = app.first_key.secret if app.first_key else ""
        if secret:
            lines.append(f"  admin key (shown this once): {secret}")
        lines.append(f"  {remembered(settings, address, secret, holds=holds)}")
    return [*lines, f"  data: {settings.data.resolve()}"]


def exposed(settings: "Settings") -> list[str]:
    """What whoever lets others in must know, and most likely did not mean."""
    from swarmstead.gateway.egress import is_loopback

    if is_loopback(settings.host) or settings.tls_cert is not None:
        return []
    return [
        f"  others can reach this server ({settings.host}), and without TLS: keys can be read on their way;",
        "    give --tls-cert and --tls-key, or put a proxy with TLS in front, and listen to that one only (--host)",
    ]


def _say(app: "Gatehouse", first: str, lines: list[str]) -> None:
    """Print it, and only then let go of the first key: it must have reached whoever reads this."""
    click.echo("\n".join([first, *lines]))
    if app.first_key:
        app.first_key_shown()


def _announce_worker(app: "App") -> None:
    lines: list[str] = []
    if app.first_key and not app.settings.bootstrap_key.get_secret_value():  # it came before any server
        lines.append(f"  admin key (shown this once): {app.first_key.secret}")
    _say(app, f"Worker {__version__} is ready", lines)


def remembered(settings: "Settings", address: str, secret: str, *, holds: bool = True) -> str:
    """Note the server for this user's command line; says how that went. Failing to do so stops nothing.

    `holds`: whether the key that was saved before is still good.
    """
    try:
        contexts = context.load()
        has_key = contexts.started(address, _store(settings), secret, holds=holds)
        path = context.save(contexts)
    except (OSError, SteadError):
        return (
            f"command line: not saved, because {context.file_path()} cannot be written; use STEAD_SERVER and STEAD_KEY"
        )
    if has_key:
        return f"command line: signed in on this machine ({path})"
    if not holds:
        return (
            "command line: the saved key is revoked or has expired, and was forgotten; give another with STEAD_KEY or "
            "--key-file. Is there none? Start with a new STEAD_BOOTSTRAP_KEY"
        )
    return "command line: give a key with STEAD_KEY or --key-file"
