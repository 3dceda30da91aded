"""The checkout as the architecture tests see it: what git knows of, and what it would take."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "swarmstead"
_BINARY = {".gz", ".png", ".svg", ".woff2", ".ico"}


@cache
def files(*suffixes: str) -> tuple[str, ...]:
    """Paths, relative to the root, of files that are committed or would be: all, or those with one of `suffixes`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = sorted({name for name in names if name and (ROOT / name).is_file()})
    return tuple(name for name in found if not suffixes or Path(name).suffix in suffixes)


def text_files() -> list[str]:
    """Every file of `files` that people read as text."""
    return [name for name in files() if Path(name).suffix not in _BINARY]


def read(name: str) -> str:
    """The text of a file named as in `files`."""
    return (ROOT / name).read_text(encoding="utf-8")


def functions(name: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Every function of a Python file, nested ones too, with its length in lines (decorators are not counted)."""
    for node in ast.walk(ast.parse(read(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def inner_functions(name: str) -> set[int]:
    """The lines on which functions inside of other functions begin."""
    outer = [node for node, _ in functions(name)]
    nested = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.lineno for one in outer for node in ast.walk(one) if node is not one and isinstance(node, nested)}


def none_of(found: Iterable[str]) -> None:
    """Fails, listing all of them, when there is any."""
    listed = list(found)
    assert not listed, "\n" + "\n".join(listed)
