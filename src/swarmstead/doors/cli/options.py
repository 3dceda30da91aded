"""Options that many commands share, and how a command finds its server and key."""

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmstead.kernel.errors import BadInput

if TYPE_CHECKING:
    from swarmstead.doors.cli.client import Client

ROLES = ("viewer", "operator", "approver", "admin")
_MOST_KEY_BYTES = 16_384  # an issuer's JWT is longer than a key
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --server and --key-file, and a Client as its first argument."""

    @click.option(
        "--server", metavar="URL", help="The server's address. [STEAD_SERVER; else the one started last here]"
    )
    @click.option(
        "--key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A file that holds the API key. [STEAD_KEY; else what `stead up` saved]",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, server: str | None, key_file: Path | None, **options: Any) -> Any:
        return command(connect(server, key_file), *args, **options)

    return wrapped


def connect(server: str | None = None, key_file: Path | None = None, timeout_s: float = 30.0) -> "Client":
    """The client for the server and key that were named, or that are saved. Sends nothing. Fails: BadInput.

    What the command was not given may stand before it: `stead --server URL whoami`.
    """
    from swarmstead.doors.cli import context
    from swarmstead.doors.cli.client import Client, checked_address

    ctx = click.get_current_context(silent=True)
    before: dict[str, str | None] = ctx.find_root().params if ctx else {}
    server = server or before.get("server")
    key_file = key_file or (Path(first) if (first := before.get("key_file")) else None)
    named = server or os.environ.get("STEAD_SERVER", "")
    key = _key_in(key_file) if key_file else os.environ.get("STEAD_KEY", "").strip()
    saved = context.Contexts() if named and key else context.load()
    address = checked_address(named or saved.current or context.DEFAULT_ADDRESS)
    key = key or saved.key_for(address)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(
            "The API key holds something that no key holds.",
            way_out="Give the key alone: one line, as the server printed it.",
        )
    return Client(address, key, timeout_s)


def _key_in(path: Path) -> str:
    try:
        with path.open("rb") as file:
            key = file.read(_MOST_KEY_BYTES).decode("ascii").strip()
    except OSError as error:
        raise BadInput(
            f"The key file {path} cannot be read: {error.strerror}.",
            way_out="Give a file that holds the key as one line.",
            field="--key-file",
        ) from error
    except UnicodeDecodeError:
        key = ""
    if not key:
        raise BadInput(
            f"The key file {path} holds no key.",
            way_out="Put the key there as one line of text.",
            field="--key-file",
        )
    return key


def seconds(text: str, option: str, *, most: str = "") -> int:
    """`90m` -> 5400. Fails: BadInput for anything but a number and s, m, h or d, and for more than `most`."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found or not int(found[1]):
        raise BadInput(
            f"{option} {text!r} is not an age.", field=option, way_out="Write a number and s, m, h or d: 30d."
        )
    age = int(found[1]) * _SECONDS[found[2]]
    if most and age > seconds(most, option):
        raise BadInput(f"{option} {text!r} is too long.", field=option, way_out=f"The longest is {most}.")
    return age


limit_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most this many."
)


def pairs(values: tuple[str, ...], option: str, shape: str) -> dict[str, str]:
    """`("a=1", "b=2")` -> `{"a": "1", "b": "2"}`. Fails: BadInput without `=`, without a name, or for a name twice."""
    found: dict[str, str] = {}
    for value in values:
        name, mark, text = value.partition("=")
        if not mark or not name:
            raise BadInput(f"{option} {value!r} is not {shape}.", field=option, way_out=f"Write {option} {shape}.")
        if name in found:
            raise BadInput(f"{option} names {name!r} twice.", field=option, way_out="Give it once.")
        found[name] = text
    return found
