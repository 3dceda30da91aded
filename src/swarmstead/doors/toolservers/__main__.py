"""Starts one shipped server on this process's stdin and stdout. Exit code 2 and one line on stderr: it cannot start."""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import cast

from swarmstead.doors.toolservers.protocol import Server
from swarmstead.doors.toolservers.tools import SetupError, Tool

MakeTools = Callable[[str | None], list[Tool]]
SERVERS = ("git", "files", "report")
USAGE = "Usage: python -m swarmstead.doors.toolservers git|files|report [--root PATH]"


def main(arguments: list[str]) -> int:
    """Serve until stdin ends. Without --root the tools can be listed but not called."""
    try:
        name, root = _parse(arguments)
        # Only the server asked for is imported: every millisecond before the first answer is one a run waits.
        module = import_module(f"swarmstead.doors.toolservers.{name}")
        tools = cast("MakeTools", module.make_tools)(root)
    except SetupError as error:
        sys.stderr.write(f"Cannot start: {error}.\n")
        return 2
    # The wire gets a descriptor of its own, so that nothing printed by mistake can end up in it.
    sink = os.dup(1)
    os.dup2(2, 1)
    try:
        Server(name, tools, sys.stdin.buffer, sink).serve()
    except KeyboardInterrupt:
        return 130
    _take_children_along()
    return 0


def _take_children_along() -> None:
    """End the git commands that outlasted the grace, if nobody but us can be in our process group."""
    if os.getsid(0) == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def _parse(arguments: list[str]) -> tuple[str, str | None]:
    match arguments:
        case [name] if name in SERVERS:
            return name, None
        case [name, "--root", root] if name in SERVERS:
            return name, _checked(root)
        case _:
            raise SetupError(f"the arguments are not understood. {USAGE}")


def _checked(root: str) -> str:
    real = os.path.realpath(root)
    if not os.path.isdir(real):  # noqa: PTH112 - pathlib costs a tenth of our start
        raise SetupError(f"{root!r} is not a folder")
    if ".git" in real.split("/"):
        raise SetupError(f"{root!r} lies inside a repository's own files")
    return real


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
