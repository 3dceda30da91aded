"""What a spec comes to when its server is started: a program, and values with their references followed."""

import os
import re
import sys
from collections.abc import Mapping

from swarmstead.gateway.adapters.mcp_messages import SessionLost
from swarmstead.gateway.adapters.mcp_stdio import Program
from swarmstead.gateway.contract import BUILTIN, ServerRef
from swarmstead.kernel.secrets import resolve_reference

_BUILTINS = ("git", "files", "report")
_INHERITED = ("PATH", "HOME", "LANG")
_ROOT = "{root}"
_REFERENCE = ("env:", "file:")
_SHORTEST_SECRET = 4
_CREDENTIAL = re.compile(r"(?i)^(?:bearer|basic|token|digest|negotiate)\s+(\S+)$", re.MULTILINE)


def program_of(server: ServerRef, given: Mapping[str, str], secrets: tuple[str, ...]) -> Program:
    """What to start, with the variables that it is given and the few that it inherits. Fails: SessionLost."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return Program(argv(server), {**inherited, **given}, secrets)


def argv(server: ServerRef) -> tuple[str, ...]:
    """The argument list: a shipped server under our own interpreter, or the spec's program.

    A shipped server is started with -I, so that no file of the folder we happen to be in is taken for a module. In
    another program's arguments `{root}` stands for the folder that the server is limited to.
    """
    command, root = server.spec.command, server.root
    if not command:
        raise SessionLost("its spec names no command")
    if server.spec.builtin:
        name = command[0].removeprefix(BUILTIN)
        if name not in _BUILTINS:
            raise SessionLost(f"there is no shipped server {name!r}, only {', '.join(_BUILTINS)}")
        limit = ("--root", root) if server.spec.root and root else ()
        return (sys.executable, "-I", "-m", "swarmstead.doors.toolservers", name, *command[1:], *limit)
    if not root and any(_ROOT in part for part in command):
        raise SessionLost(f"its command has {_ROOT}, and there is no folder to put there")
    return tuple(part.replace(_ROOT, root) for part in command)


def resolved(values: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Values with their references followed, and those that are secret, the longest first."""
    plain: dict[str, str] = {}
    secrets: set[str] = set()
    for name, value in values.items():
        plain[name] = value
        if value.startswith(_REFERENCE):
            plain[name] = resolve_reference(value)
            secrets |= {plain[name], *plain[name].splitlines(), *_CREDENTIAL.findall(plain[name])}
    return plain, tuple(sorted((one for one in secrets if len(one) >= _SHORTEST_SECRET), key=len, reverse=True))
